#include "mailbox/mailbox_cache.h"

#include "base/try.h"

#include <iterator>
#include <utility>

namespace parley::mailbox {

namespace {

Result<MailboxState> load_state(Table& table, const MailboxId& id,
                                const std::optional<Bytes>& value, WallTime expired) {
    MailboxState state;
    state.id = id;
    state.key = mailbox_key(id);
    if (value) {
        PARLEY_TRY(state.record, decode_user(*value));
        PARLEY_TRY(state.position, position_of(table, state.key, state.record, expired));
        state.recorded = true;
    }
    return state;
}

}  // namespace

void MailboxCache::load(const std::vector<const MailboxId*>& ids, WallTime expired) {
    std::vector<const MailboxId*> missing;
    std::vector<Bytes> keys;
    for (const MailboxId* id : ids) {
        if (!index_.contains(*id)) {
            missing.push_back(id);
            keys.push_back(user_key(*id));
        }
    }
    if (missing.empty()) {
        return;
    }
    const auto values = get_readable(table_, damage_, Space::state, keys);
    for (std::size_t i = 0; i < missing.size(); ++i) {
        // The same mailbox may be named twice.
        if (values[i] && !index_.contains(*missing[i])) {
            add(*missing[i], *values[i], expired);
        }
    }
}

void MailboxCache::add(const MailboxId& id, const std::optional<Bytes>& value, WallTime expired) {
    Result<MailboxState> state = load_state(table_, id, value, expired);
    if (!state) {
        damage_.note(name_of(mailbox_key(id)), state.error(),
                     [this, id, expired]() -> Result<void> {
                         PARLEY_TRY(const auto again, table_.get(Space::state, user_key(id)));
                         PARLEY_CHECK(load_state(table_, id, again, expired));
                         return {};
                     });
        return;
    }
    states_.push_front(std::move(*state));
    index_.insert(states_.begin());
}

MailboxState* MailboxCache::find(const MailboxId& id) {
    const auto found = index_.find(id);
    if (found == index_.end()) {
        return nullptr;
    }
    states_.splice(states_.begin(), states_, *found);
    return &states_.front();
}

std::optional<MailboxCache::User> MailboxCache::look_up(const MailboxId& id) {
    if (const MailboxState* state = find(id)) {
        return User{state->key, state->record};
    }
    const MailboxKey key = mailbox_key(id);
    const auto record = load_user(table_, id);
    if (!record) {
        damage_.note(name_of(key), record.error(), [this, id]() -> Result<void> {
            PARLEY_CHECK(load_user(table_, id));
            return {};
        });
        return std::nullopt;
    }
    return User{key, record->value_or(UserRecord{})};
}

MailboxState* MailboxCache::find_to_erase(const MailboxId& id) {
    if (MailboxState* state = find(id)) {
        return state;
    }
    const auto record = load_user(table_, id);
    if (!record || !*record) {
        return nullptr;
    }
    MailboxState state;
    state.id = id;
    state.key = mailbox_key(id);
    state.record = **record;
    state.recorded = true;
    state.position.last = state.record.ceiling;
    states_.push_front(std::move(state));
    index_.insert(states_.begin());
    return &states_.front();
}

void MailboxCache::forget(const MailboxId& id) {
    const auto found = index_.find(id);
    if (found != index_.end()) {
        const States::iterator state = *found;
        index_.erase(found);
        states_.erase(state);
    }
}

void MailboxCache::trim() {
    while (states_.size() > most_) {
        index_.erase(std::prev(states_.end()));
        states_.pop_back();
    }
}

}  // namespace parley::mailbox
