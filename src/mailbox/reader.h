#pragma once

#include "mailbox/records.h"
#include "mailbox/work.h"

#include <optional>

// What is read of a mailbox without its writer: durable data only, from any thread.
namespace parley::mailbox {

// Where a mailbox stands.
struct Position {
    std::uint64_t last = 0;  // no sequence above was given out
    WallTime newest{};       // no event has a later time
    std::uint64_t incoming_after = 0;
    std::uint64_t bytes_after = 0;
};

// Derives it from the record and the last event that is still there. As long as that one cannot
// have expired it is the newest ever; otherwise newer ones may be gone, and the ceiling of the
// record takes its place: at or above all that was shown, and the writer goes on above it by the
// same rule. Where the record says that there are no events none is looked for.
Result<Position> position_of(Table& table, const MailboxKey& mailbox, const UserRecord& record,
                             WallTime expired);

// What lies at each key. One lookup for all; where that fails, one for each, and what still cannot
// be read is noted as damage and left out (nullopt), so that one bad block stops only those whose
// records it holds.
std::vector<std::optional<std::optional<Bytes>>> get_readable(Table& table, Damage& damage,
                                                              Space space,
                                                              const std::vector<Bytes>& keys);

// The user's record and the mailbox's last event, if there are any.
Result<std::optional<UserRecord>> load_user(Table& table, const MailboxId& id);
Result<std::optional<Entry>> last_event(Table& table, const MailboxKey& mailbox,
                                        std::uint64_t not_above = kSequenceEnd - 1);

// The first event at or after `from` that was stored at `cutoff` or later, where `last` is the last
// event there is: nothing if there is none. Takes some fifty lookups however many events have
// expired.
Result<std::optional<std::uint64_t>> first_since(Table& table, const MailboxKey& mailbox,
                                                 std::uint64_t from, std::uint64_t last,
                                                 WallTime cutoff);

// Where the counters of what is retained and of what is marked begin (spec/storage.md, "Counters").
struct Floor {
    bool retained = false;  // there is an event since the cutoff; before it:
    std::uint64_t incoming_before = 0;
    std::uint64_t bytes_before = 0;
    std::uint64_t marked_incoming = 0;  // up to the last event not above the mark
};
Result<Floor> find_floor(Table& table, const MailboxKey& mailbox, std::uint64_t last,
                         std::uint64_t mark, WallTime cutoff);

Result<Head> read_head(StoreShared& shared, const MailboxId& id);
Result<Read> read_events(StoreShared& shared, const MailboxId& id,
                         const std::optional<Cursor>& after, ReadLimit limit);
Result<std::optional<Found>> find_event(StoreShared& shared, const MailboxId& id,
                                        const AppendKey& key);
Result<UserState> read_user(StoreShared& shared, const MailboxId& id);
Result<std::vector<DeviceSeen>> read_devices(Table& table, const MailboxKey& mailbox);

struct UserPage {
    std::vector<UserId> users;
    std::optional<Bytes> next;  // where the next page begins; none: there is none
};
// From this key on: at most `count` users, of one page of records. It may be of users who are gone,
// of whom a record is left, and then has nobody in it.
Result<UserPage> list_users(Table& table, const ApplicationKey& application, const KeyRange& range,
                            std::size_t count);

}  // namespace parley::mailbox
