#pragma once

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/time.h"
#include "mailbox/store.h"
#include "parley/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What LogStore writes into a Table, byte by byte: spec/storage.md. Pure; decoding never trusts
// what it reads.
namespace parley::mailbox {

inline constexpr std::uint64_t kStorageFormat = 1;

// A mailbox in keys: the first 16 bytes of SHA-256(application || 0 || user), so that keys are
// short and of one length.
using MailboxKey = std::array<char, 16>;
MailboxKey mailbox_key(const MailboxId& id);
// What logs and `parleyd verify` call it: the key in hexadecimal.
std::string name_of(const MailboxKey& mailbox);

// ---- keys
Bytes clock_key();
Bytes user_key(const MailboxId& id);
Bytes device_key(const MailboxKey& mailbox, const DeviceId& device);
Bytes event_key(const MailboxKey& mailbox, std::uint64_t sequence);
Bytes append_key(const MailboxKey& mailbox, const AppendKey& key);
Bytes body_key(std::uint32_t day, const Sha256Digest& content);

// All keys from `from` on and before `to`.
struct KeyRange {
    Bytes from;
    Bytes to;
};
// Those that begin with `prefix`, which is not all 0xff.
KeyRange keys_with_prefix(Bytes prefix);
// The users of an application after `after`.
KeyRange users_after(const ApplicationKey& application, const UserId& after);
// Of all applications.
KeyRange all_users();
KeyRange devices_of(const MailboxKey& mailbox);
KeyRange events_of(const MailboxKey& mailbox);
// Events with first <= sequence <= last.
KeyRange events_between(const MailboxKey& mailbox, std::uint64_t first, std::uint64_t last);
KeyRange append_keys_of(const MailboxKey& mailbox);
KeyRange bodies_before(std::uint32_t day);

// What is left of a key that lies in its range.
Result<MailboxId> id_of_user(std::string_view user_key);
Result<UserId> user_of(std::string_view key, const ApplicationKey& application);
Result<DeviceId> device_of(std::string_view key);
Result<std::uint64_t> sequence_of(std::string_view event_key);

// Days since 1970.
std::uint32_t day_of(WallTime time);

// ---- values
// One user, for ever: also what an erase leaves behind. Positions and counters are those of
// spec/storage.md.
struct UserRecord {
    bool exists = false;
    bool messaging = false;
    bool disabled = false;
    bool held = false;          // messages were taken for a user not seen yet
    std::uint64_t ceiling = 0;  // no sequence above was given out before a record with a higher one
    std::uint64_t floor = 0;    // cursors below are void
    std::uint64_t mark = 0;     // the receipt mark
    std::uint64_t mark_incoming = 0;  // bytes of `incoming` up to a sequence not above the mark

    // Otherwise it has no events and no append keys: none yet, or an erase took them. What is left
    // of those in a damaged file must stop nobody, so they are not looked for.
    bool has_mailbox() const { return exists || held; }

    friend bool operator==(const UserRecord&, const UserRecord&) = default;
};
Bytes encode(const UserRecord& record);
Result<UserRecord> decode_user(std::string_view value);

struct DeviceRecord {
    WallTime last_seen{};
};
Bytes encode(const DeviceRecord& record);
Result<DeviceRecord> decode_device(std::string_view value);

// Where the body lies when it is not in the event.
struct BodyReference {
    std::uint32_t day = 0;
    Sha256Digest content{};
};

// An event. Its views point into the value that it was decoded from.
struct EventRecord {
    WallTime at{};
    bool incoming = false;              // counts for the quota of what is pending
    std::uint64_t incoming_before = 0;  // bytes of all `incoming` before it
    std::uint64_t bytes_before = 0;     // bytes of all events before it
    std::string_view bytes;
    std::optional<std::string_view> body;  // inline
    std::optional<BodyReference> reference;
    std::uint64_t body_size = 0;

    std::uint64_t size() const { return bytes.size() + body_size; }
    std::uint64_t incoming_after() const { return incoming_before + (incoming ? size() : 0); }
    std::uint64_t bytes_after() const { return bytes_before + size(); }
};
Bytes encode(const EventRecord& record);
Result<EventRecord> decode_event(std::string_view value);

// What a known append key answers.
struct KeyRecord {
    WallTime at{};
    std::uint64_t sequence = 0;
};
Bytes encode(const KeyRecord& record);
Result<KeyRecord> decode_key(std::string_view value);

// The store's own time and what was done by it (R17).
struct ClockRecord {
    WallTime time{};
    std::optional<WallTime> held_since;  // set while the wall clock is not followed
    WallTime expired{};                  // events stored before may be gone
    std::uint32_t bodies_day = 0;        // bodies of days before are gone
};
Bytes encode(const ClockRecord& record);
Result<ClockRecord> decode_clock(std::string_view value);

}  // namespace parley::mailbox
