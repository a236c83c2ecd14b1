#include "server/watches.h"

#include <algorithm>

namespace parley::server {

void Watches::join(const SharedIdentity& identity, Watcher& watcher) {
    const auto [place, is_new] = watches_.try_emplace(identity);
    place->second.watchers.push_back(&watcher);
    if (!is_new) {
        return;
    }
    // An entry of the table stays where it is, key and all, and lives as long as its handle.
    Watch& watch = place->second;
    watch.handle =
        wakes_.subscribe(place->first->mailbox, loop_,
                         [this, &watch](const mailbox::Wake& wake) { on_wake(watch, wake); });
}

void Watches::leave(const MailboxId& mailbox, Watcher& watcher) {
    const auto found = watches_.find(mailbox);
    if (found == watches_.end()) {
        return;
    }
    std::erase(found->second.watchers, &watcher);
    if (found->second.watchers.empty()) {
        watches_.erase(found);
    }
}

void Watches::on_wake(const Watch& watch, const mailbox::Wake& wake) {
    auto rendered = wire::RenderedEvent::make(wake.event.sequence, wake.event.at, wake.event.bytes,
                                              wake.event.body, wire::BytesFrom::this_process);
    if (!rendered) {
        log_.error("event.unreadable", {{"sequence", wake.event.sequence.value()},
                                        {"why", rendered.error().description}});
    }
    const auto event = rendered ? *rendered : nullptr;
    for (Watcher* watcher : watch.watchers) {
        watcher->woken(wake, event);
    }
}

}  // namespace parley::server
