#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "io/loop.h"
#include "mailbox/wakes.h"
#include "server/identity.h"
#include "wire/stored_event.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace parley::server {

// A session that wants to hear when its mailbox grew.
class Watcher {
  public:
    virtual ~Watcher() = default;
    // `event` is what the wake carries, rendered once for all watchers of the loop; null if it
    // cannot be. Must not leave the watch from within this call.
    virtual void woken(const mailbox::Wake& wake,
                       const std::shared_ptr<wire::RenderedEvent>& event) = 0;
};

// One subscription for each mailbox that has sessions on this loop, however many they are.
class Watches {
  public:
    Watches(io::Loop& loop, mailbox::Wakes& wakes, Logger log)
        : loop_(loop), wakes_(wakes), log_(log) {}

    // From now on the watcher is woken; what is durable already it has to read.
    void join(const SharedIdentity& identity, Watcher& watcher);
    void leave(const MailboxId& mailbox, Watcher& watcher);

  private:
    struct Watch {
        std::unique_ptr<mailbox::Wakes::Handle> handle;
        std::vector<Watcher*> watchers;
    };
    void on_wake(const Watch& watch, const mailbox::Wake& wake);

    io::Loop& loop_;
    mailbox::Wakes& wakes_;
    Logger log_;
    std::unordered_map<SharedIdentity, Watch, HashOfMailbox, SameMailbox> watches_;
};

}  // namespace parley::server
