// Batch, the part that is not appends: enrolment, marks, and what operators do.
#include "mailbox/batch.h"

#include "base/try.h"

#include <algorithm>
#include <utility>

namespace parley::mailbox {
namespace {

// More often than this a device's coming back is not written down.
constexpr auto kSightingEvery = std::chrono::seconds(1);
constexpr std::size_t kSightingsPerCommit = 256;

Error unreadable() {
    return make_error(ErrorCode::server_error,
                      "the mailbox cannot be read; the server's log says why");
}

}  // namespace

void Sightings::saw(Bytes device_key, WallTime at) {
    const auto found = waiting_.find(device_key);
    if (found != waiting_.end()) {
        found->second = std::max(found->second, at);
    } else if (waiting_.size() < kStorePendingSightings) {
        waiting_.emplace(std::move(device_key), at);
    }
}

WallTime Sightings::latest(const Bytes& device_key, WallTime stored) const {
    const auto found = waiting_.find(device_key);
    return found == waiting_.end() ? stored : std::max(found->second, stored);
}

void Sightings::forget(const KeyRange& devices) {
    waiting_.erase(waiting_.lower_bound(devices.from), waiting_.lower_bound(devices.to));
}

void Sightings::write(Commit& commit) {
    for (std::size_t i = 0; i < kSightingsPerCommit && !waiting_.empty(); ++i) {
        auto first = waiting_.extract(waiting_.begin());
        commit.puts.push_back(
            {Space::state, std::move(first.key()), encode(DeviceRecord{first.mapped()}), {}});
    }
}

std::optional<Error> Batch::failure(const Work& work) const {
    const auto found = failed_.find(&work);
    return found == failed_.end() ? std::nullopt : std::optional(found->second);
}

void Batch::apply(Work& work) {
    // Each of them reads before it changes anything.
    const auto with = [this, &work](auto&& known, auto&& apply_to) {
        if (!known) {
            failed_.emplace(&work, unreadable());
            return;
        }
        apply_to(*known);
    };
    const auto note = [this, &work](const MailboxKey& mailbox, const Result<void>& applied) {
        if (!applied) {
            failed_.emplace(&work, unreadable());
            shared_.damage.note(name_of(mailbox), applied.error(),
                                [&shared = shared_, mailbox]() -> Result<void> {
                                    PARLEY_CHECK(read_devices(shared.table, mailbox));
                                    return {};
                                });
        }
    };
    if (auto* enrolment = std::get_if<EnrollWork>(&work.what)) {
        with(cache_.look_up(enrolment->mailbox), [&](const MailboxCache::User& user) {
            note(user.mailbox, enroll(work, *enrolment, user));
        });
    } else if (auto* forgetting = std::get_if<ForgetWork>(&work.what)) {
        with(cache_.find(forgetting->mailbox),
             [&](const MailboxState& state) { note(state.key, forget(work, *forgetting, state)); });
    } else if (auto* disabling = std::get_if<DisableWork>(&work.what)) {
        with(cache_.find(disabling->mailbox),
             [&](MailboxState& state) { disable(work, *disabling, state); });
    } else if (auto* erasing = std::get_if<EraseWork>(&work.what)) {
        with(cache_.find_to_erase(erasing->mailbox),
             [&](MailboxState& state) { erase(work, *erasing, state); });
    }
}

// A known device of a known user, of which very many may come at once, needs their records alone:
// the state of the mailbox is looked up, and then kept at hand, only where the user's record
// changes.
Result<void> Batch::enroll(Work& work, EnrollWork& enroll, const MailboxCache::User& known) {
    const auto& [mailbox, user] = known;
    enroll.answer.disabled = user.disabled;
    if (user.disabled) {
        return {};
    }
    const Bytes key = device_key(mailbox, enroll.device);
    PARLEY_TRY(const auto stored, shared_.table.get(Space::state, key));
    MailboxState* changing = nullptr;
    if (!user.exists || (enroll.messaging && !user.messaging)) {
        cache_.load({&enroll.mailbox}, moment_.expired);
        changing = cache_.find(enroll.mailbox);
        if (changing == nullptr) {
            failed_.emplace(&work, unreadable());
            return {};
        }
    }
    if (stored) {
        PARLEY_TRY(const DeviceRecord device, decode_device(*stored));
        if (moment_.now - device.last_seen >= kSightingEvery) {
            sightings_.saw(key, moment_.now);
        }
    } else {
        PARLEY_TRY(const bool room, make_room(enroll, mailbox));
        if (!room) {
            enroll.answer.full = true;
            return {};
        }
        commit.puts.push_back({Space::state, key, encode(DeviceRecord{moment_.now}), {}});
    }
    enroll.answer.changed = changing != nullptr || !stored;
    if (changing != nullptr) {
        UserRecord& record = changing->record;
        record.exists = true;
        record.messaging = record.messaging || enroll.messaging;
        record.held = false;
        changing->persist = true;
        touch(*changing);
    }
    if (enroll.answer.changed) {
        writing_.insert(&work);
    }
    return {};
}

// At the limit of devices the longest-absent one without a session is forgotten (R24). False: all
// of them have one.
Result<bool> Batch::make_room(EnrollWork& enroll, const MailboxKey& mailbox) {
    PARLEY_TRY(const auto devices, read_devices(shared_.table, mailbox));
    if (devices.size() < options_.devices) {
        return true;
    }
    const DeviceSeen* longest = nullptr;
    WallTime longest_seen{};
    for (const DeviceSeen& one : devices) {
        const WallTime seen = sightings_.latest(device_key(mailbox, one.device), one.last_seen);
        const bool live =
            std::find(enroll.live.begin(), enroll.live.end(), one.device) != enroll.live.end();
        if (!live && (longest == nullptr || seen < longest_seen)) {
            longest = &one;
            longest_seen = seen;
        }
    }
    if (longest == nullptr) {
        return false;
    }
    Bytes key = device_key(mailbox, longest->device);
    sightings_.forget(key);
    commit.deletes.push_back({Space::state, std::move(key)});
    enroll.answer.forgotten_device = longest->device;
    return true;
}

void Batch::mark(std::span<Work* const> marks) {
    std::vector<const MailboxId*> ids;
    for (const Work* work : marks) {
        ids.push_back(&std::get<MarkWork>(work->what).mailbox);
    }
    cache_.load(ids, moment_.expired);
    for (Work* work : marks) {
        const auto& mark = std::get<MarkWork>(work->what);
        MailboxState* state = cache_.find(mark.mailbox);
        if (state == nullptr) {
            failed_.emplace(work, unreadable());
            continue;
        }
        const std::uint64_t sequence = mark.sequence.value();
        // Backwards or beyond the head has no effect. One that an earlier mark of this batch covers
        // waits with it.
        if (sequence > state->record.mark && sequence <= state->position.last) {
            state->record.mark = sequence;
            if (sequence == state->position.last) {
                state->record.mark_incoming = state->position.incoming_after;
            }
            state->persist = true;
            touch(*state);
        }
        if (state->persist) {
            writing_.insert(work);
        }
    }
}

void Batch::disable(Work& work, const DisableWork& disable, MailboxState& state) {
    if (state.record.disabled == disable.disabled) {
        return;
    }
    state.record.disabled = disable.disabled;
    state.persist = true;
    touch(state);
    writing_.insert(&work);
}

Result<void> Batch::forget(Work& work, ForgetWork& forget, const MailboxState& state) {
    Bytes key = device_key(state.key, forget.device);
    PARLEY_TRY(const auto stored, shared_.table.get(Space::state, key));
    if (!stored) {
        return {};
    }
    sightings_.forget(key);
    commit.deletes.push_back({Space::state, std::move(key)});
    forget.answer = true;
    writing_.insert(&work);
    return {};
}

void Batch::erase(Work& work, EraseWork& erase, MailboxState& state) {
    UserRecord& user = state.record;
    if (!user.exists && !user.held) {
        return;
    }
    remove(Space::events, events_of(state.key));
    remove(Space::keys, append_keys_of(state.key));
    const KeyRange devices = devices_of(state.key);
    sightings_.forget(devices);
    remove(Space::state, devices);
    // Above every sequence that was shown: all cursors from before lie below it (R19). A ban
    // outlives the erase.
    const std::uint64_t floor =
        std::min(std::max(state.position.last, user.ceiling) + 1, kSequenceEnd - 1);
    const bool disabled = user.disabled;
    user = UserRecord{};
    user.disabled = disabled;
    user.ceiling = user.floor = user.mark = floor;
    state.position = {floor, state.position.newest, 0, 0};
    state.floor_incoming = state.floor_bytes = 0;
    state.persist = true;
    touch(state);
    erase.answer = true;
    writing_.insert(&work);
}

void Batch::remove(Space space, KeyRange range) {
    commit.ranges.push_back({space, std::move(range.from), std::move(range.to)});
}

}  // namespace parley::mailbox
