#include "mailbox/reader.h"

#include "base/try.h"

#include <algorithm>
#include <map>
#include <utility>

namespace parley::mailbox {
namespace {

constexpr std::size_t kMostReadEvents = 64 * 1024;

// Leaves room in a scan for what stands around an event's bytes: key, time, counters.
constexpr std::size_t kEventOverhead = 96;

// Bodies of one page, each fetched once and shared by the events that refer to it.
class PageBodies {
  public:
    // Remembers that events_[event] needs this body.
    void want(const BodyReference& reference, std::size_t event) {
        const Bytes key = body_key(reference.day, reference.content);
        const auto [at, added] = index_.emplace(key, keys_.size());
        if (added) {
            keys_.push_back(key);
        }
        wanted_.emplace_back(event, at->second);
    }

    Result<void> fetch(Table& table, std::vector<StoredEvent>& events) {
        if (keys_.empty()) {
            return {};
        }
        PARLEY_TRY(auto values, table.get_many(Space::bodies, keys_));
        std::vector<SharedBytes> bodies;
        bodies.reserve(values.size());
        for (auto& value : values) {
            if (!value) {
                return unexpected(
                    make_error(ErrorCode::store_failed,
                               "the mailbox store is damaged: a message's body is missing"));
            }
            bodies.push_back(std::make_shared<const Bytes>(std::move(*value)));
        }
        for (const auto& [event, body] : wanted_) {
            events[event].body = bodies[body];
        }
        return {};
    }

  private:
    std::map<Bytes, std::size_t> index_;
    std::vector<Bytes> keys_;
    std::vector<std::pair<std::size_t, std::size_t>> wanted_;
};

// Turns entries into events while they fit. False: the limit ended it before the last one.
Result<bool> take_events(StoreShared& shared, const std::vector<Entry>& entries,
                         const ReadLimit& limit, Read& read) {
    PageBodies bodies;
    std::size_t bytes = 0;
    bool all = true;
    for (const Entry& entry : entries) {
        PARLEY_TRY(const std::uint64_t sequence, sequence_of(entry.key));
        PARLEY_TRY(const EventRecord record, decode_event(entry.value));
        bytes += record.size();
        if (read.events.size() == limit.events || (!read.events.empty() && bytes > limit.bytes)) {
            all = false;
            break;
        }
        StoredEvent event{Sequence(sequence), record.at,
                          std::make_shared<const Bytes>(record.bytes), nullptr};
        if (record.reference) {
            bodies.want(*record.reference, read.events.size());
        } else if (record.body) {
            event.body = std::make_shared<const Bytes>(*record.body);
        }
        read.events.push_back(std::move(event));
    }
    PARLEY_CHECK(bodies.fetch(shared.table, read.events));
    return all;
}

}  // namespace

Result<Position> position_of(Table& table, const MailboxKey& mailbox, const UserRecord& record,
                             WallTime expired) {
    Position position;
    std::optional<Entry> newest;
    if (record.has_mailbox()) {
        PARLEY_TRY(newest, last_event(table, mailbox));
    }
    // Counted from where the mark was, so that what is pending starts at nothing when all events
    // are gone.
    position.incoming_after = record.mark_incoming;
    bool live = false;
    if (newest) {
        PARLEY_TRY(position.last, sequence_of(newest->key));
        PARLEY_TRY(const EventRecord event, decode_event(newest->value));
        position.newest = event.at;
        position.incoming_after = std::max(position.incoming_after, event.incoming_after());
        position.bytes_after = event.bytes_after();
        live = event.at >= expired;
    }
    if (!live) {
        position.last = std::max(position.last, record.ceiling);
    }
    return position;
}

std::vector<std::optional<std::optional<Bytes>>> get_readable(Table& table, Damage& damage,
                                                              Space space,
                                                              const std::vector<Bytes>& keys) {
    std::vector<std::optional<std::optional<Bytes>>> readable(keys.size());
    if (auto values = table.get_many(space, keys)) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            readable[i].emplace(std::move((*values)[i]));
        }
        return readable;
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        auto value = table.get(space, keys[i]);
        if (value) {
            readable[i].emplace(std::move(*value));
        } else {
            damage.note("", value.error(), [&table, space, key = keys[i]]() -> Result<void> {
                PARLEY_CHECK(table.get(space, key));
                return {};
            });
        }
    }
    return readable;
}

Result<std::optional<UserRecord>> load_user(Table& table, const MailboxId& id) {
    PARLEY_TRY(const auto value, table.get(Space::state, user_key(id)));
    if (!value) {
        return std::optional<UserRecord>();
    }
    PARLEY_TRY(UserRecord record, decode_user(*value));
    return std::optional(record);
}

Result<std::optional<Entry>> last_event(Table& table, const MailboxKey& mailbox,
                                        std::uint64_t not_above) {
    KeyRange range = events_between(mailbox, 0, not_above);
    ScanOptions options{std::move(range.from), std::move(range.to)};
    options.reverse = true;
    options.entries = 1;
    PARLEY_TRY(auto entries, table.scan(Space::events, options));
    if (entries.empty()) {
        return std::optional<Entry>();
    }
    return std::optional(std::move(entries.front()));
}

Result<std::optional<std::uint64_t>> first_since(Table& table, const MailboxKey& mailbox,
                                                 std::uint64_t from, std::uint64_t last,
                                                 WallTime cutoff) {
    // Times never go down within a mailbox, so the events since `cutoff` are its end.
    std::uint64_t low = from;
    std::uint64_t high = last + 1;
    std::optional<std::uint64_t> found;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        KeyRange range = events_between(mailbox, middle, high - 1);
        ScanOptions options{std::move(range.from), std::move(range.to)};
        options.entries = 1;
        PARLEY_TRY(const auto entries, table.scan(Space::events, options));
        if (entries.empty()) {
            high = middle;
            continue;
        }
        PARLEY_TRY(const std::uint64_t sequence, sequence_of(entries.front().key));
        PARLEY_TRY(const EventRecord event, decode_event(entries.front().value));
        if (event.at >= cutoff) {
            found = sequence;
            high = middle;
        } else {
            low = sequence + 1;
        }
    }
    return found;
}

Result<Floor> find_floor(Table& table, const MailboxKey& mailbox, std::uint64_t last,
                         std::uint64_t mark, WallTime cutoff) {
    Floor floor;
    PARLEY_TRY(const auto first, first_since(table, mailbox, 1, last, cutoff));
    if (first) {
        PARLEY_TRY(const auto value, table.get(Space::events, event_key(mailbox, *first)));
        if (value) {
            PARLEY_TRY(const EventRecord event, decode_event(*value));
            floor.incoming_before = event.incoming_before;
            floor.bytes_before = event.bytes_before;
            floor.retained = true;
        }
    }
    PARLEY_TRY(const auto marked, last_event(table, mailbox, mark));
    if (marked) {
        PARLEY_TRY(const EventRecord event, decode_event(marked->value));
        floor.marked_incoming = event.incoming_after();
    }
    return floor;
}

Result<Head> read_head(StoreShared& shared, const MailboxId& id) {
    // Before the reading: see StoreShared::expired_ms.
    const WallTime expired = shared.expired();
    PARLEY_TRY(const auto record, load_user(shared.table, id));
    Head head;
    head.newest.epoch = shared.epoch;
    if (!record) {
        return head;
    }
    PARLEY_TRY(const Position position,
               position_of(shared.table, mailbox_key(id), *record, expired));
    head.newest.sequence = Sequence(position.last);
    // The record may be of before the events: it was read first.
    head.mark = Sequence(std::min(record->mark, position.last));
    head.floor = Sequence(record->floor);
    return head;
}

Result<Read> read_events(StoreShared& shared, const MailboxId& id,
                         const std::optional<Cursor>& after, ReadLimit limit) {
    limit.events = std::clamp<std::size_t>(limit.events, 1, kMostReadEvents);
    PARLEY_TRY(const Head head, read_head(shared, id));
    const std::uint64_t last = head.newest.sequence.value();
    Read read;
    read.through = head.newest.sequence;
    // What lies below the floor was erased.
    std::uint64_t from = std::max<std::uint64_t>(1, head.floor.value());
    if (after) {
        const std::uint64_t sequence = after->sequence.value();
        read.reset = after->epoch != shared.epoch || sequence > last ||
                     sequence < head.floor.value();  // R19
        from = read.reset ? from : sequence + 1;
    }
    if (from > last) {
        return read;
    }
    const MailboxKey mailbox = mailbox_key(id);
    const WallTime cutoff = shared.kept_since(shared.now());
    for (bool looked = false;; looked = true) {
        // Up to the head and no further: a cursor beyond it would not be taken back.
        KeyRange range = events_between(mailbox, from, last);
        ScanOptions options{std::move(range.from), std::move(range.to)};
        options.entries = limit.events + 1;
        options.bytes = limit.bytes + options.entries * kEventOverhead;
        PARLEY_TRY(const auto entries, shared.table.scan(Space::events, options));
        if (entries.empty()) {
            return read;
        }
        PARLEY_TRY(const EventRecord first, decode_event(entries.front().value));
        if (first.at < cutoff && !looked) {
            PARLEY_TRY(const auto since, first_since(shared.table, mailbox, from, last, cutoff));
            if (!since) {
                return read;
            }
            from = *since;
            continue;
        }
        PARLEY_TRY(const bool all, take_events(shared, entries, limit, read));
        const Sequence reached = read.events.back().sequence;
        read.more = !all || reached.value() < last;
        if (read.more) {
            read.through = reached;
        }
        return read;
    }
}

Result<std::optional<Found>> find_event(StoreShared& shared, const MailboxId& id,
                                        const AppendKey& key) {
    const MailboxKey mailbox = mailbox_key(id);
    PARLEY_TRY(const auto known, shared.table.get(Space::keys, append_key(mailbox, key)));
    if (!known) {
        return std::optional<Found>();
    }
    PARLEY_TRY(const KeyRecord record, decode_key(*known));
    // Keys may outlive their events (retention, an erase).
    PARLEY_TRY(const auto event,
               shared.table.get(Space::events, event_key(mailbox, record.sequence)));
    if (!event || record.at < shared.kept_since(shared.now())) {
        return std::optional<Found>();
    }
    return std::optional(Found{Sequence(record.sequence), record.at});
}

Result<UserState> read_user(StoreShared& shared, const MailboxId& id) {
    PARLEY_TRY(const auto record, load_user(shared.table, id));
    if (!record) {
        return UserState{};
    }
    return UserState{record->exists, record->messaging, record->disabled};
}

Result<std::vector<DeviceSeen>> read_devices(Table& table, const MailboxKey& mailbox) {
    std::vector<DeviceSeen> devices;
    KeyRange range = devices_of(mailbox);
    while (true) {
        ScanOptions options{range.from, range.to};
        PARLEY_TRY(const auto entries, table.scan(Space::state, options));
        if (entries.empty()) {
            return devices;
        }
        for (const Entry& entry : entries) {
            PARLEY_TRY(DeviceId device, device_of(entry.key));
            PARLEY_TRY(const DeviceRecord record, decode_device(entry.value));
            devices.push_back({std::move(device), record.last_seen});
        }
        range.from = entries.back().key + '\0';
    }
}

Result<UserPage> list_users(Table& table, const ApplicationKey& application, const KeyRange& range,
                            std::size_t count) {
    const ScanOptions options{range.from, range.to};
    PARLEY_TRY(const auto entries, table.scan(Space::state, options));
    UserPage page;
    for (const Entry& entry : entries) {
        PARLEY_TRY(const UserRecord record, decode_user(entry.value));
        // Not those of whom only the head is left.
        if (record.exists || record.held || record.disabled) {
            PARLEY_TRY(UserId user, user_of(entry.key, application));
            page.users.push_back(std::move(user));
        }
        page.next = entry.key + '\0';
        if (page.users.size() == count) {
            return page;
        }
    }
    // The scan may have ended at its limit.
    if (entries.empty()) {
        page.next.reset();
    }
    return page;
}

}  // namespace parley::mailbox
