#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/task.h"
#include "base/time.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace parley::io {
class Loop;
}

namespace parley::mailbox {

// An event as the store keeps it, shared by all who are told of it.
struct StoredEvent {
    Sequence sequence;
    WallTime at;
    SharedBytes bytes;  // what the server stored (wire/stored_event.h)
    SharedBytes body;   // null where the event has none
};

// "A mailbox grew": a hint, the log is the truth. It may be late or repeated.
struct Wake {
    MailboxId mailbox;
    Sequence previous;  // the mailbox's newest before this event: who stands exactly there may
                        // deliver without reading
    StoredEvent event;
    Instant durable_at{};  // by the store's loop
};

// Tells watchers of a mailbox that it grew. In-process: nothing is lost.
class Wakes {
  public:
    // Names a watcher among those of its loop; never used again for another.
    using Watcher = std::uint64_t;
    // These are to hear of the wake, each once. One may have ended its watch since.
    using Told = UniqueFunction<void(const Wake&, std::span<const Watcher>)>;

    // The watches of one loop, and on it. Its end is theirs.
    class Watches {
      public:
        virtual ~Watches() = default;
        // From now on the watcher is told of each event that becomes durable in the mailbox. An
        // event that is durable before this returns may be missed: read afterwards. `mailbox`
        // outlives the watch: there is one for each session, and no room for another copy.
        virtual void add(const MailboxId& mailbox, Watcher watcher) = 0;
        void add(const MailboxId&& mailbox, Watcher watcher) = delete;
        virtual void remove(const MailboxId& mailbox, Watcher watcher) = 0;
    };

    virtual ~Wakes() = default;
    // `told` is called on `loop`, which is the caller's, and not any more when the watches are
    // gone.
    [[nodiscard]] virtual std::unique_ptr<Watches> watch(io::Loop& loop, Told told) = 0;
    // Any thread; events of one mailbox in order.
    virtual void publish(std::vector<Wake> wakes) = 0;
};

// The only one there is so far: every watcher lives in this process.
std::unique_ptr<Wakes> make_local_wakes();

}  // namespace parley::mailbox
