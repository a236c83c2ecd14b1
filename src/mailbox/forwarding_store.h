#pragma once

#include "mailbox/store.h"

#include <memory>
#include <utility>
#include <vector>

namespace parley::mailbox {

// A door behind which another one is: everything goes straight on. For what stands in between in a
// simulation or a test and changes some of it.
class ForwardingStore : public Store {
  public:
    explicit ForwardingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

    void enroll(const MailboxId& mailbox, const DeviceId& device, bool messaging,
                std::vector<DeviceId> live, Done<Result<Enrolled>> done) override {
        inner_->enroll(mailbox, device, messaging, std::move(live), std::move(done));
    }
    void append(std::vector<Append> appends, Done<std::vector<Appended>> done) override {
        inner_->append(std::move(appends), std::move(done));
    }
    void submit_all(std::vector<Submission> submissions,
                    Done<std::vector<Submitted>> done) override {
        inner_->submit_all(std::move(submissions), std::move(done));
    }
    void head(const MailboxId& mailbox, Done<Result<Head>> done) override {
        inner_->head(mailbox, std::move(done));
    }
    void read(const MailboxId& mailbox, std::optional<Cursor> after, ReadLimit limit,
              Done<Result<Read>> done) override {
        inner_->read(mailbox, std::move(after), limit, std::move(done));
    }
    void find(const MailboxId& mailbox, const AppendKey& key,
              Done<Result<std::optional<Found>>> done) override {
        inner_->find(mailbox, key, std::move(done));
    }
    void mark(const MailboxId& mailbox, Sequence sequence, Done<Result<void>> done) override {
        inner_->mark(mailbox, sequence, std::move(done));
    }
    void check(Done<Result<void>> done) override { inner_->check(std::move(done)); }
    void user(const MailboxId& mailbox, Done<Result<UserState>> done) override {
        inner_->user(mailbox, std::move(done));
    }
    void set_disabled(const MailboxId& mailbox, bool disabled, Done<Result<void>> done) override {
        inner_->set_disabled(mailbox, disabled, std::move(done));
    }
    void devices(const MailboxId& mailbox, Done<Result<std::vector<DeviceSeen>>> done) override {
        inner_->devices(mailbox, std::move(done));
    }
    void forget_device(const MailboxId& mailbox, const DeviceId& device,
                       Done<Result<bool>> done) override {
        inner_->forget_device(mailbox, device, std::move(done));
    }
    void erase(const MailboxId& mailbox, Done<Result<bool>> done) override {
        inner_->erase(mailbox, std::move(done));
    }
    void list(const ApplicationKey& application, const UserId& after, std::size_t count,
              Done<Result<std::vector<UserId>>> done) override {
        inner_->list(application, after, count, std::move(done));
    }
    Wakes& wakes() override { return inner_->wakes(); }
    const Epoch& epoch() const override { return inner_->epoch(); }
    WallTime now() const override { return inner_->now(); }
    std::chrono::seconds dedupe_horizon() const override { return inner_->dedupe_horizon(); }
    std::optional<std::string> trouble() const override { return inner_->trouble(); }

  private:
    const std::unique_ptr<Store> inner_;
};

}  // namespace parley::mailbox
