#include "mailbox/mailbox_cache.h"

#include "base/try.h"

#include <utility>

namespace parley::mailbox {

Result<void> MailboxCache::load(const std::vector<const MailboxId*>& ids, WallTime expired) {
    std::vector<const MailboxId*> missing;
    std::vector<Bytes> keys;
    for (const MailboxId* id : ids) {
        if (!index_.contains(*id)) {
            missing.push_back(id);
            keys.push_back(user_key(*id));
        }
    }
    if (missing.empty()) {
        return {};
    }
    PARLEY_TRY(const auto values, table_.get_many(Space::state, keys));
    for (std::size_t i = 0; i < missing.size(); ++i) {
        // The same mailbox may be named twice.
        if (index_.contains(*missing[i])) {
            continue;
        }
        if (auto added = add(*missing[i], values[i], expired); !added) {
            log_.error("store.mailbox_unreadable", {{"error", added.error().description}});
        }
    }
    return {};
}

Result<void> MailboxCache::add(const MailboxId& id, const std::optional<Bytes>& value,
                               WallTime expired) {
    MailboxState state;
    state.id = id;
    state.key = mailbox_key(id);
    if (value) {
        PARLEY_TRY(state.record, decode_user(*value));
        PARLEY_TRY(const auto last, last_event(table_, state.key));
        PARLEY_TRY(state.position, position_of(state.record, last, expired));
        state.recorded = true;
    }
    states_.push_front(std::move(state));
    index_.emplace(id, states_.begin());
    return {};
}

MailboxState* MailboxCache::find(const MailboxId& id) {
    const auto found = index_.find(id);
    if (found == index_.end()) {
        return nullptr;
    }
    states_.splice(states_.begin(), states_, found->second);
    return &*found->second;
}

void MailboxCache::forget(const MailboxId& id) {
    const auto found = index_.find(id);
    if (found != index_.end()) {
        states_.erase(found->second);
        index_.erase(found);
    }
}

void MailboxCache::trim() {
    while (states_.size() > most_) {
        index_.erase(states_.back().id);
        states_.pop_back();
    }
}

}  // namespace parley::mailbox
