#include "mailbox/records.h"

#include <gtest/gtest.h>

namespace parley::mailbox {
namespace {

const MailboxId kBob{ApplicationKey("app"), UserId("bob")};

// What has been written stays readable: these bytes may not change (spec/storage.md).
std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        constexpr char kHex[] = "0123456789abcdef";
        text.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
        text.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
    return text;
}

TEST(Records, KeysHaveTheBytesOfTheSpecification) {
    const MailboxKey mailbox = mailbox_key(kBob);
    const std::string name = hex({mailbox.data(), mailbox.size()});
    EXPECT_EQ(name, hex(as_text(sha256(std::string("app\0bob", 7))).substr(0, 16)));
    EXPECT_EQ(hex(clock_key()), "63");
    EXPECT_EQ(user_key(kBob), std::string("uapp\0bob", 8));
    EXPECT_EQ(hex(device_key(mailbox, DeviceId("tab"))), "64" + name + "746162");
    EXPECT_EQ(hex(event_key(mailbox, 0x0102030405)), name + "0000000102030405");
    EXPECT_EQ(hex(append_key(mailbox, AppendKey{1, 2})), name + "01020000000000000000000000000000");
    EXPECT_EQ(hex(body_key(0x01020304, Sha256Digest{0xff})).substr(0, 10), "01020304ff");
}

TEST(Records, ValuesHaveTheBytesOfTheSpecification) {
    EXPECT_EQ(hex(encode(UserRecord{true, true, false, false, 300, 1, 2, 127})), "03ac0201027f");
    EXPECT_EQ(hex(encode(DeviceRecord{wall_time_from_ms(0x0102)})), "0000000000000102");
    EXPECT_EQ(hex(encode(KeyRecord{wall_time_from_ms(1), 0x0a0b})),
              "000000000000000100000000000a0b");
    EventRecord event;
    event.at = wall_time_from_ms(7);
    event.incoming = true;
    event.incoming_before = 1;
    event.bytes_before = 128;
    event.bytes = "ab";
    EXPECT_EQ(hex(encode(event)),
              "0000000000000007"
              "01"
              "01"
              "8001"
              "02"
              "6162");
    event.body = "cd";
    EXPECT_EQ(hex(encode(event)),
              "0000000000000007"
              "03"
              "01"
              "8001"
              "02"
              "6162"
              "6364");
    event.body.reset();
    event.body_size = 600;
    event.reference = BodyReference{9, Sha256Digest{0xee}};
    EXPECT_EQ(hex(encode(event)).substr(0, 46),
              "0000000000000007"
              "05"
              "01"
              "8001"
              "02"
              "6162"
              "d804"
              "00000009"
              "ee00");
    EXPECT_EQ(hex(encode(ClockRecord{wall_time_from_ms(1), wall_time_from_ms(2),
                                     wall_time_from_ms(3), 4})),
              "01"
              "0000000000000001"
              "01"
              "0000000000000002"
              "0000000000000003"
              "00000004");
}

TEST(Records, ComeBackAsTheyWere) {
    const UserRecord user{true, false, true, true, kSequenceEnd - 1, 5, 6, ~0ull};
    EXPECT_EQ(*decode_user(encode(user)), user);
    EventRecord event;
    event.at = wall_time_from_ms(1'735'689'600'000);
    event.incoming_before = 1ull << 60;
    event.bytes = "bytes";
    event.body = "";
    const Bytes stored = encode(event);
    const auto back = decode_event(stored);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->at, event.at);
    EXPECT_EQ(back->bytes, "bytes");
    EXPECT_EQ(back->body, "");
    EXPECT_EQ(back->incoming_before, 1ull << 60);
    EXPECT_EQ(back->bytes_after(), 5u);
    const auto clock = decode_clock(encode(ClockRecord{wall_time_from_ms(5), std::nullopt, {}, 0}));
    EXPECT_FALSE(clock->held_since.has_value());
    EXPECT_EQ(*sequence_of(event_key(mailbox_key(kBob), 77)), 77u);
    EXPECT_EQ(*user_of(user_key(kBob), kBob.application), kBob.user);
    EXPECT_EQ(*device_of(device_key(mailbox_key(kBob), DeviceId("d"))), DeviceId("d"));
}

TEST(Records, RefuseEveryTruncationAndWhatFollows) {
    EventRecord event;
    event.bytes = "ab";
    event.body_size = 600;
    event.reference = BodyReference{};
    const std::pair<Bytes, bool (*)(std::string_view)> cases[] = {
        {encode(UserRecord{}), [](std::string_view v) { return decode_user(v).has_value(); }},
        {encode(DeviceRecord{}), [](std::string_view v) { return decode_device(v).has_value(); }},
        {encode(KeyRecord{}), [](std::string_view v) { return decode_key(v).has_value(); }},
        {encode(ClockRecord{}), [](std::string_view v) { return decode_clock(v).has_value(); }},
        {encode(event), [](std::string_view v) { return decode_event(v).has_value(); }},
    };
    for (const auto& [bytes, decodes] : cases) {
        EXPECT_TRUE(decodes(bytes));
        EXPECT_FALSE(decodes(bytes + "x"));
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(decodes(std::string_view(bytes).substr(0, size)));
        }
    }
    // A length that no memory could hold.
    EXPECT_FALSE(
        decode_event(std::string(9, '\0') + "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
    EXPECT_FALSE(decode_user(std::string("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)));
}

// Differences of two times must not overflow.
TEST(Records, RefuseTimesThatAreNone) {
    for (const std::int64_t ms : {std::int64_t(-1), std::int64_t(1) << 60}) {
        EXPECT_FALSE(decode_device(encode(DeviceRecord{wall_time_from_ms(ms)})).has_value());
        EXPECT_FALSE(decode_key(encode(KeyRecord{wall_time_from_ms(ms), 1})).has_value());
        ClockRecord clock;
        clock.time = wall_time_from_ms(ms);
        EXPECT_FALSE(decode_clock(encode(clock)).has_value());
    }
    ClockRecord early;
    early.expired = wall_time_from_ms(1);  // nothing can have expired that is still to come
    EXPECT_FALSE(decode_clock(encode(early)).has_value());
}

TEST(Records, ANewerFormatIsRefusedByName) {
    Bytes clock = encode(ClockRecord{});
    clock[0] = 2;
    const auto decoded = decode_clock(clock);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().code, ErrorCode::store_foreign);
}

TEST(Records, RangesHoldTheirKeysAndNoOthers) {
    const auto holds = [](const KeyRange& range, const Bytes& key) {
        return range.from <= key && key < range.to;
    };
    const MailboxKey mailbox = mailbox_key(kBob);
    EXPECT_TRUE(holds(events_of(mailbox), event_key(mailbox, 0)));
    EXPECT_TRUE(holds(events_of(mailbox), event_key(mailbox, kSequenceEnd)));
    EXPECT_TRUE(holds(events_between(mailbox, 5, 7), event_key(mailbox, 7)));
    EXPECT_FALSE(holds(events_between(mailbox, 5, 7), event_key(mailbox, 8)));
    MailboxKey last;
    last.fill('\xff');
    EXPECT_TRUE(holds(events_of(last), event_key(last, 9)));
    EXPECT_TRUE(holds(append_keys_of(last), append_key(last, AppendKey{})));
    EXPECT_TRUE(holds(devices_of(last), device_key(last, DeviceId("d"))));
    EXPECT_FALSE(holds(devices_of(mailbox), device_key(last, DeviceId("d"))));
    const KeyRange users = users_after(kBob.application, UserId("bob"));
    EXPECT_FALSE(holds(users, user_key(kBob)));
    EXPECT_TRUE(holds(users, user_key({kBob.application, UserId("bob1")})));
    EXPECT_FALSE(holds(users, user_key({ApplicationKey("apq"), UserId("z")})));
    EXPECT_TRUE(holds(bodies_before(5), body_key(4, Sha256Digest{0xff})));
    EXPECT_FALSE(holds(bodies_before(5), body_key(5, Sha256Digest{})));
}

}  // namespace
}  // namespace parley::mailbox
