#pragma once

#include "base/random.h"
#include "io/loop.h"
#include "mailbox/store.h"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace parley::sim {

// A door to the mailboxes whose readings take their time, as those of a disk or of another machine
// do: what a reading has seen is told up to `latest` later, when the world has gone on. All else
// goes straight to the real one.
class LateStore final : public mailbox::Store {
  public:
    LateStore(std::unique_ptr<mailbox::Store> inner, io::Loop& loop, std::uint64_t seed,
              Duration latest)
        : inner_(std::move(inner)), loop_(loop), random_(seed), latest_(latest) {}

    void head(const MailboxId& mailbox, Done<Result<mailbox::Head>> done) override {
        inner_->head(mailbox, late(std::move(done)));
    }
    void read(const MailboxId& mailbox, std::optional<Cursor> after, mailbox::ReadLimit limit,
              Done<Result<mailbox::Read>> done) override {
        inner_->read(mailbox, std::move(after), limit, late(std::move(done)));
    }

    void enroll(const MailboxId& mailbox, const DeviceId& device, bool messaging,
                std::vector<DeviceId> live, Done<Result<mailbox::Enrolled>> done) override {
        inner_->enroll(mailbox, device, messaging, std::move(live), std::move(done));
    }
    void append(std::vector<mailbox::Append> appends,
                Done<std::vector<mailbox::Appended>> done) override {
        inner_->append(std::move(appends), std::move(done));
    }
    void submit_all(std::vector<Submission> submissions,
                    Done<std::vector<Submitted>> done) override {
        inner_->submit_all(std::move(submissions), std::move(done));
    }
    void find(const MailboxId& mailbox, const mailbox::AppendKey& key,
              Done<Result<std::optional<mailbox::Found>>> done) override {
        inner_->find(mailbox, key, std::move(done));
    }
    void mark(const MailboxId& mailbox, Sequence sequence, Done<Result<void>> done) override {
        inner_->mark(mailbox, sequence, std::move(done));
    }
    void check(Done<Result<void>> done) override { inner_->check(std::move(done)); }
    void user(const MailboxId& mailbox, Done<Result<mailbox::UserState>> done) override {
        inner_->user(mailbox, std::move(done));
    }
    void set_disabled(const MailboxId& mailbox, bool disabled, Done<Result<void>> done) override {
        inner_->set_disabled(mailbox, disabled, std::move(done));
    }
    void devices(const MailboxId& mailbox,
                 Done<Result<std::vector<mailbox::DeviceSeen>>> done) override {
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
    mailbox::Wakes& wakes() override { return inner_->wakes(); }
    const Epoch& epoch() const override { return inner_->epoch(); }
    WallTime now() const override { return inner_->now(); }
    std::chrono::seconds dedupe_horizon() const override { return inner_->dedupe_horizon(); }
    std::optional<std::string> trouble() const override { return inner_->trouble(); }

  private:
    template <typename T>
    Done<T> late(Done<T> done) {
        return [this, done = std::move(done)](T answer) mutable {
            const auto wait =
                Duration(random_.below(static_cast<std::uint64_t>(latest_.count()) + 1));
            const std::uint64_t number = ++number_;
            waiting_[number] = loop_.call_at(
                loop_.now() + wait,
                [this, number, done = std::move(done), answer = std::move(answer)]() mutable {
                    const auto self = waiting_.extract(number);
                    done(std::move(answer));
                });
        };
    }

    std::unique_ptr<mailbox::Store> inner_;
    io::Loop& loop_;
    Random random_;
    const Duration latest_;
    std::uint64_t number_ = 0;
    std::map<std::uint64_t, io::Timer> waiting_;  // they go with the store
};

}  // namespace parley::sim
