#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/task.h"
#include "base/time.h"

#include <cstdint>
#include <memory>
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
    using Watch = UniqueFunction<void(const Wake&)>;

    // Ends the watch when destroyed; on the watcher's loop.
    class Handle {
      public:
        virtual ~Handle() = default;
    };

    virtual ~Wakes() = default;
    // From now on, calls `watch` on `loop`, which is the caller's, for each event that becomes
    // durable in the mailbox. An event that is durable before this returns may be missed: read
    // after subscribing. `mailbox` outlives the handle: there is one for each session.
    [[nodiscard]] virtual std::unique_ptr<Handle> subscribe(const MailboxId& mailbox,
                                                            io::Loop& loop, Watch watch) = 0;
    std::unique_ptr<Handle> subscribe(const MailboxId&& mailbox, io::Loop& loop,
                                      Watch watch) = delete;
    // Any thread; events of one mailbox in order.
    virtual void publish(std::vector<Wake> wakes) = 0;
};

// The only one there is so far: every watcher lives in this process.
std::unique_ptr<Wakes> make_local_wakes();

}  // namespace parley::mailbox
