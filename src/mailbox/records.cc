#include "mailbox/records.h"

#include "base/try.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace parley::mailbox {
namespace {

constexpr char kClockPrefix = 'c';
constexpr char kDevicePrefix = 'd';
constexpr char kUserPrefix = 'u';

constexpr std::uint8_t kUserExists = 1;
constexpr std::uint8_t kUserMessaging = 2;
constexpr std::uint8_t kUserDisabled = 4;
constexpr std::uint8_t kUserHeld = 8;

constexpr std::uint8_t kEventIncoming = 1;
constexpr std::uint8_t kEventInline = 2;
constexpr std::uint8_t kEventReference = 4;

void put_be(Bytes& out, std::uint64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(value >> shift & 0xff));
    }
}
void put_time(Bytes& out, WallTime time) {
    put_be(out, static_cast<std::uint64_t>(to_ms(time)), 8);
}

void put_varint(Bytes& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

// Far beyond any clock, and differences of two times do not overflow.
constexpr std::uint64_t kTimeEndMs = 1ull << 60;

Error corrupt(const char* what) {
    return make_error(ErrorCode::store_failed,
                      std::string("the mailbox store is damaged: ") + what + " cannot be read");
}

// Takes fields off the front. After the first failure every further one fails too; ok() says so
// once at the end.
class FieldReader {
  public:
    explicit FieldReader(std::string_view rest) : rest_(rest) {}

    std::uint64_t be(std::size_t bytes) {
        std::uint64_t value = 0;
        for (const char c : take(bytes)) {
            value = value << 8 | static_cast<unsigned char>(c);
        }
        return value;
    }
    WallTime time() {
        const std::uint64_t ms = be(8);
        ok_ = ok_ && ms < kTimeEndMs;
        return wall_time_from_ms(ok_ ? static_cast<std::int64_t>(ms) : 0);
    }
    std::uint8_t byte() { return static_cast<std::uint8_t>(be(1)); }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
            if ((next & 0x80) == 0) {
                return value;
            }
        }
        ok_ = false;
        return 0;
    }
    std::string_view take(std::uint64_t bytes) {
        if (!ok_ || bytes > rest_.size()) {
            ok_ = false;
            return {};
        }
        const std::string_view taken = rest_.substr(0, bytes);
        rest_.remove_prefix(bytes);
        return taken;
    }
    std::string_view rest() { return std::exchange(rest_, {}); }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

// The first key after all that begin with `prefix`.
Bytes end_of_prefix(Bytes prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) {
        prefix.pop_back();
    }
    if (!prefix.empty()) {
        prefix.back() = static_cast<char>(prefix.back() + 1);
    }
    return prefix;
}

Bytes with_mailbox(const MailboxKey& mailbox, std::size_t more) {
    Bytes key;
    key.reserve(mailbox.size() + more);
    key.append(mailbox.data(), mailbox.size());
    return key;
}

// All keys of one mailbox, whose hash may be all 0xff: then the space has no key beyond 64 of them.
KeyRange whole_mailbox(const MailboxKey& mailbox) {
    Bytes from(mailbox.data(), mailbox.size());
    Bytes to = end_of_prefix(from);
    if (to.empty()) {
        to.assign(64, '\xff');
    }
    return {std::move(from), std::move(to)};
}

Bytes user_prefix(const ApplicationKey& application) {
    Bytes key(1, kUserPrefix);
    key += application.value();
    key.push_back('\0');
    return key;
}

Bytes device_prefix(const MailboxKey& mailbox) {
    Bytes key(1, kDevicePrefix);
    key.append(mailbox.data(), mailbox.size());
    return key;
}

}  // namespace

MailboxKey mailbox_key(const MailboxId& id) {
    Bytes name = id.application.value();
    name.push_back('\0');
    name += id.user.value();
    const Sha256Digest digest = sha256(name);
    MailboxKey key;
    std::memcpy(key.data(), digest.data(), key.size());
    return key;
}

std::string name_of(const MailboxKey& mailbox) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string name;
    for (const char byte : mailbox) {
        name.push_back(kHex[static_cast<unsigned char>(byte) >> 4]);
        name.push_back(kHex[static_cast<unsigned char>(byte) & 15]);
    }
    return name;
}

Bytes clock_key() {
    return Bytes(1, kClockPrefix);
}

Bytes user_key(const MailboxId& id) {
    return user_prefix(id.application) + id.user.value();
}

Bytes device_key(const MailboxKey& mailbox, const DeviceId& device) {
    return device_prefix(mailbox) + device.value();
}

Bytes event_key(const MailboxKey& mailbox, std::uint64_t sequence) {
    Bytes key = with_mailbox(mailbox, 8);
    put_be(key, sequence, 8);
    return key;
}

Bytes append_key(const MailboxKey& mailbox, const AppendKey& key) {
    Bytes whole = with_mailbox(mailbox, key.size());
    whole.append(reinterpret_cast<const char*>(key.data()), key.size());
    return whole;
}

Bytes body_key(std::uint32_t day, const Sha256Digest& content) {
    Bytes key;
    key.reserve(4 + content.size());
    put_be(key, day, 4);
    key += as_text(content);
    return key;
}

KeyRange keys_with_prefix(Bytes prefix) {
    Bytes to = end_of_prefix(prefix);
    return {std::move(prefix), std::move(to)};
}

KeyRange users_after(const ApplicationKey& application, const UserId& after) {
    KeyRange range = keys_with_prefix(user_prefix(application));
    if (!after.value().empty()) {
        range.from += after.value();
        range.from.push_back('\0');  // the first key after
    }
    return range;
}

KeyRange all_users() {
    return keys_with_prefix(Bytes(1, kUserPrefix));
}

KeyRange devices_of(const MailboxKey& mailbox) {
    return keys_with_prefix(device_prefix(mailbox));
}
KeyRange events_of(const MailboxKey& mailbox) {
    return whole_mailbox(mailbox);
}
KeyRange events_between(const MailboxKey& mailbox, std::uint64_t first, std::uint64_t last) {
    return {event_key(mailbox, first), event_key(mailbox, last + 1)};
}
KeyRange append_keys_of(const MailboxKey& mailbox) {
    return whole_mailbox(mailbox);
}

KeyRange bodies_before(std::uint32_t day) {
    KeyRange range;
    put_be(range.from, 0, 4);
    put_be(range.to, day, 4);
    return range;
}

Result<MailboxId> id_of_user(std::string_view user_key) {
    const std::size_t end = user_key.find('\0');
    if (user_key.size() < 2 || user_key.front() != kUserPrefix || end == std::string_view::npos) {
        return unexpected(corrupt("the key of a user"));
    }
    return MailboxId{ApplicationKey(std::string(user_key.substr(1, end - 1))),
                     UserId(std::string(user_key.substr(end + 1)))};
}

Result<UserId> user_of(std::string_view key, const ApplicationKey& application) {
    const std::size_t prefix = application.value().size() + 2;
    if (key.size() < prefix) {
        return unexpected(corrupt("the key of a user"));
    }
    return UserId(std::string(key.substr(prefix)));
}

Result<DeviceId> device_of(std::string_view key) {
    const std::size_t prefix = 1 + MailboxKey().size();
    if (key.size() < prefix) {
        return unexpected(corrupt("the key of a device"));
    }
    return DeviceId(std::string(key.substr(prefix)));
}

Result<std::uint64_t> sequence_of(std::string_view event_key) {
    FieldReader reader(event_key);
    reader.take(MailboxKey().size());
    const std::uint64_t sequence = reader.be(8);
    if (!reader.done() || sequence >= kSequenceEnd) {
        return unexpected(corrupt("the key of an event"));
    }
    return sequence;
}

std::uint32_t day_of(WallTime time) {
    constexpr std::int64_t kDayMs = 24ll * 3600 * 1000;
    return static_cast<std::uint32_t>(std::max<std::int64_t>(to_ms(time), 0) / kDayMs);
}

Bytes encode(const UserRecord& record) {
    Bytes out;
    out.reserve(32);
    out.push_back(static_cast<char>(
        (record.exists ? kUserExists : 0) | (record.messaging ? kUserMessaging : 0) |
        (record.disabled ? kUserDisabled : 0) | (record.held ? kUserHeld : 0)));
    put_varint(out, record.ceiling);
    put_varint(out, record.floor);
    put_varint(out, record.mark);
    put_varint(out, record.mark_incoming);
    return out;
}

Result<UserRecord> decode_user(std::string_view value) {
    FieldReader reader(value);
    UserRecord record;
    const std::uint8_t flags = reader.byte();
    record.exists = (flags & kUserExists) != 0;
    record.messaging = (flags & kUserMessaging) != 0;
    record.disabled = (flags & kUserDisabled) != 0;
    record.held = (flags & kUserHeld) != 0;
    record.ceiling = reader.varint();
    record.floor = reader.varint();
    record.mark = reader.varint();
    record.mark_incoming = reader.varint();
    if (!reader.done() || record.ceiling >= kSequenceEnd || record.floor >= kSequenceEnd ||
        record.mark >= kSequenceEnd) {
        return unexpected(corrupt("the record of a user"));
    }
    return record;
}

Bytes encode(const DeviceRecord& record) {
    Bytes out;
    put_time(out, record.last_seen);
    return out;
}

Result<DeviceRecord> decode_device(std::string_view value) {
    FieldReader reader(value);
    const DeviceRecord record{reader.time()};
    if (!reader.done()) {
        return unexpected(corrupt("the record of a device"));
    }
    return record;
}

Bytes encode(const EventRecord& record) {
    Bytes out;
    out.reserve(48 + record.bytes.size() + (record.body ? record.body->size() : 36));
    put_time(out, record.at);
    out.push_back(static_cast<char>((record.incoming ? kEventIncoming : 0) |
                                    (record.body ? kEventInline : 0) |
                                    (record.reference ? kEventReference : 0)));
    put_varint(out, record.incoming_before);
    put_varint(out, record.bytes_before);
    put_varint(out, record.bytes.size());
    out += record.bytes;
    if (record.reference) {
        put_varint(out, record.body_size);
        put_be(out, record.reference->day, 4);
        out += as_text(record.reference->content);
    } else if (record.body) {
        out += *record.body;
    }
    return out;
}

Result<EventRecord> decode_event(std::string_view value) {
    FieldReader reader(value);
    EventRecord record;
    record.at = reader.time();
    const std::uint8_t flags = reader.byte();
    record.incoming = (flags & kEventIncoming) != 0;
    record.incoming_before = reader.varint();
    record.bytes_before = reader.varint();
    const std::uint64_t size = reader.varint();
    record.bytes = reader.take(size);
    if ((flags & kEventReference) != 0) {
        record.body_size = reader.varint();
        BodyReference reference;
        reference.day = static_cast<std::uint32_t>(reader.be(4));
        const std::string_view digest = reader.take(reference.content.size());
        std::copy(digest.begin(), digest.end(), reference.content.begin());
        record.reference = reference;
    } else if ((flags & kEventInline) != 0) {
        record.body = reader.rest();
        record.body_size = record.body->size();
    }
    if (!reader.done()) {
        return unexpected(corrupt("an event"));
    }
    return record;
}

Bytes encode(const KeyRecord& record) {
    Bytes out;  // 15 bytes, for which no memory is asked
    put_time(out, record.at);
    put_be(out, record.sequence, 7);
    return out;
}

Result<KeyRecord> decode_key(std::string_view value) {
    FieldReader reader(value);
    KeyRecord record;
    record.at = reader.time();
    record.sequence = reader.be(7);
    if (!reader.done() || record.sequence >= kSequenceEnd) {
        return unexpected(corrupt("the record of an append key"));
    }
    return record;
}

Bytes encode(const ClockRecord& record) {
    Bytes out;
    put_varint(out, kStorageFormat);
    put_time(out, record.time);
    out.push_back(record.held_since ? 1 : 0);
    put_time(out, record.held_since.value_or(WallTime()));
    put_time(out, record.expired);
    put_be(out, record.bodies_day, 4);
    return out;
}

Result<ClockRecord> decode_clock(std::string_view value) {
    FieldReader reader(value);
    const std::uint64_t format = reader.varint();
    if (reader.ok() && format != kStorageFormat) {
        return unexpected(make_error(ErrorCode::store_foreign, "the mailbox store has format " +
                                                                   std::to_string(format) +
                                                                   "; this program reads format " +
                                                                   std::to_string(kStorageFormat)));
    }
    ClockRecord record;
    record.time = reader.time();
    const bool held = reader.byte() != 0;
    const WallTime held_since = reader.time();
    if (held) {
        record.held_since = held_since;
    }
    record.expired = reader.time();
    record.bodies_day = static_cast<std::uint32_t>(reader.be(4));
    // What is still to come has not expired.
    if (!reader.done() || record.expired > record.time) {
        return unexpected(corrupt("the record of the clock"));
    }
    return record;
}

}  // namespace parley::mailbox
