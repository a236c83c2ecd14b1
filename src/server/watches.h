#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "base/task.h"
#include "io/loop.h"
#include "mailbox/wakes.h"
#include "wire/stored_event.h"

#include <cstdint>
#include <memory>
#include <span>

namespace parley::server {

// A session that wants to hear when its mailbox grew.
class Watcher {
  public:
    virtual ~Watcher() = default;
    // `event` is what the wake carries, rendered once for all watchers of the loop; null if it
    // cannot be.
    virtual void woken(const mailbox::Wake& wake,
                       const std::shared_ptr<wire::RenderedEvent>& event) = 0;
};

// The watches of a loop's sessions. Knows them by their numbers alone: which session watches what
// is in the table of Wakes, and nowhere else.
class Watches {
  public:
    // Who is no longer there is not found.
    using Find = UniqueFunction<Watcher*(std::uint64_t number)>;

    Watches(io::Loop& loop, mailbox::Wakes& wakes, Find find, Logger log);

    // From now on the watcher is woken; what is durable already it has to read. The mailbox's name
    // stays until the watcher leaves.
    void join(const MailboxId& mailbox, std::uint64_t number) { watches_->add(mailbox, number); }
    void leave(const MailboxId& mailbox, std::uint64_t number) {
        watches_->remove(mailbox, number);
    }

  private:
    void on_wake(const mailbox::Wake& wake, std::span<const std::uint64_t> numbers);

    Find find_;
    Logger log_;
    std::unique_ptr<mailbox::Wakes::Watches> watches_;
};

}  // namespace parley::server
