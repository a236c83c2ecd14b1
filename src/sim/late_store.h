#pragma once

#include "base/random.h"
#include "io/loop.h"
#include "mailbox/forwarding_store.h"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace parley::sim {

// A door to the mailboxes whose readings take their time, as those of a disk or of another machine
// do: what a reading has seen is told up to `latest` later, when the world has gone on.
class LateStore final : public mailbox::ForwardingStore {
  public:
    LateStore(std::unique_ptr<mailbox::Store> inner, io::Loop& loop, std::uint64_t seed,
              Duration latest)
        : ForwardingStore(std::move(inner)), loop_(loop), random_(seed), latest_(latest) {}

    void head(const MailboxId& mailbox, Done<Result<mailbox::Head>> done) override {
        ForwardingStore::head(mailbox, late(std::move(done)));
    }
    void read(const MailboxId& mailbox, std::optional<Cursor> after, mailbox::ReadLimit limit,
              Done<Result<mailbox::Read>> done) override {
        ForwardingStore::read(mailbox, std::move(after), limit, late(std::move(done)));
    }

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

    io::Loop& loop_;
    Random random_;
    const Duration latest_;
    std::uint64_t number_ = 0;
    std::map<std::uint64_t, io::Timer> waiting_;  // they go with the store
};

}  // namespace parley::sim
