#include "wire/stored_event.h"

#include "base/random.h"
#include "wire/json.h"
#include "wire/testing/samples.h"

#include <gtest/gtest.h>

namespace parley::wire {
namespace {

constexpr WallTime kAt = wall_time_from_ms(1514862246000);

class OneFrame final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { announced = size; }
    void append(BytesView piece) override { bytes.append(as_text(piece)); }
    void end() override { ended = true; }
    void ping() override {}

    Bytes bytes;
    std::size_t announced = 0;
    bool ended = false;
};

std::shared_ptr<RenderedEvent> render(std::uint64_t sequence, const Bytes& stored,
                                      const Bytes& body) {
    auto rendered = RenderedEvent::make(Sequence(sequence), kAt, stored, body);
    EXPECT_TRUE(rendered) << rendered.error().description;
    return *rendered;
}

// The frame that these events make, decoded again.
ServerFrame write(Encoding encoding, const std::vector<std::shared_ptr<RenderedEvent>>& events,
                  std::uint64_t through) {
    EventsFrame frame(encoding);
    std::size_t bound = 0;
    for (const auto& event : events) {
        bound = frame.size_with(*event);
        frame.add(event);
    }
    EXPECT_EQ(frame.count(), events.size());
    OneFrame sink;
    frame.write(Sequence(through), sink);
    EXPECT_TRUE(sink.ended);
    EXPECT_EQ(sink.bytes.size(), sink.announced);
    if (!events.empty()) {
        EXPECT_LE(sink.bytes.size(), bound);
        EXPECT_GE(sink.bytes.size() + 25, bound);
    }
    Bytes proto = sink.bytes;
    if (encoding == Encoding::json) {
        auto from_json = server_frame_from_json(as_bytes(sink.bytes));
        EXPECT_TRUE(from_json);
        proto = *from_json;
        EXPECT_EQ(server_frame_to_json(as_bytes(proto)), sink.bytes);
    }
    auto decoded = decode_server_frame(as_bytes(proto));
    EXPECT_TRUE(decoded);
    return *decoded;
}

Sent sample_sent() {
    Sent sent = std::get<Sent>(testing::sample_events().events[1].kind);
    sent.recipient_ids = {UserId("bob")};
    sent.recipient_accepted_at_ms = {1514862246000};
    return sent;
}

class StoredEvent : public ::testing::TestWithParam<Encoding> {};
INSTANTIATE_TEST_SUITE_P(BothEncodings, StoredEvent,
                         ::testing::Values(Encoding::proto, Encoding::json), [](const auto& test) {
                             return test.param == Encoding::proto ? "Proto" : "Json";
                         });

TEST_P(StoredEvent, ComesOutAsItWentIn) {
    const Message message = testing::sample_message();
    const Bytes body = encode_body(message);
    const Delivered delivered{message.message_id, UserId("bob"), message.key, 1514862246000};
    const std::vector events = {render(10, encode_incoming(message), body),
                                render(11, encode_sent(sample_sent()), body),
                                render(12, encode_delivered(delivered), "")};
    Message incoming = message;
    incoming.accepted_at_ms = to_ms(kAt);  // R2: the server's time of acceptance
    Events expected;
    expected.events = {{Sequence(10), to_ms(kAt), Incoming{incoming}},
                       {Sequence(11), to_ms(kAt), sample_sent()},
                       {Sequence(12), to_ms(kAt), delivered}};
    expected.through = Sequence(20);
    EXPECT_EQ(write(GetParam(), events, 20), ServerFrame(expected));
}

TEST_P(StoredEvent, MayBeWithoutAnything) {
    const Message nothing;
    const std::vector events = {render(1, encode_incoming(nothing), encode_body(nothing)),
                                render(2, encode_sent(Sent{}), ""),
                                render(3, encode_delivered(Delivered{}), "")};
    const ServerFrame frame = write(GetParam(), events, 3);
    EXPECT_EQ(std::get<Events>(frame).events.size(), 3u);
    EXPECT_EQ(std::get<Events>(write(GetParam(), {}, 9)), (Events{{}, Sequence(9)}));
    EXPECT_EQ(std::get<Events>(write(GetParam(), {}, 0)), Events{});
}

// spec/wire.md, 9: written by a later version, read after going back to this one.
TEST_P(StoredEvent, OfALaterKindIsHandedOn) {
    const std::vector events = {render(7, Bytes("\x3a\x02\x08\x01", 4), "")};
    const Events expected{{{Sequence(7), to_ms(kAt), UnknownEvent{}}}, Sequence(7)};
    EXPECT_EQ(write(GetParam(), events, 7), ServerFrame(expected));
}

// R20: text, headers and recipients are stored once per message.
TEST(StoredEvents, KeepTheBodyApart) {
    const Message message = testing::sample_message();
    EXPECT_EQ(encode_incoming(message).find("Hi"), std::string::npos);
    EXPECT_EQ(encode_incoming(message).find("carol"), std::string::npos);
    EXPECT_EQ(encode_sent(sample_sent()).find("Hi"), std::string::npos);
    EXPECT_NE(encode_body(message).find("Hi"), std::string::npos);
    EXPECT_EQ(encode_body(message).find("alice"), std::string::npos);
}

// R20: a fan-out to a thousand holds its text and names in memory once.
TEST(StoredEvents, AreRenderedWithoutCopiesOfWhatTheRecipientsShare) {
    const Message message = testing::sample_message();
    const auto stored = std::make_shared<const Bytes>(encode_incoming(message));
    const auto body = std::make_shared<const Bytes>(encode_body(message));
    const auto one = *RenderedEvent::make(Sequence(1), kAt, stored, body);
    const auto other = *RenderedEvent::make(Sequence(2), kAt, stored, body);
    EXPECT_EQ(one->stored().get(), other->stored().get());
    EXPECT_EQ(body.use_count(), 3);
}

// R21
TEST(StoredEvents, TellReceiptsWhatTheyNeed) {
    const Message message = testing::sample_message();
    const Bytes stored = encode_incoming(message);
    const auto facts = receipt_facts(stored);
    ASSERT_TRUE(facts);
    ASSERT_TRUE(facts->has_value());
    EXPECT_EQ((*facts)->sender_id, message.sender_id.value());
    EXPECT_EQ((*facts)->message_id, message.message_id.value());
    EXPECT_EQ((*facts)->key, message.key.value());
    const auto of_sent = receipt_facts(encode_sent(sample_sent()));
    ASSERT_TRUE(of_sent);
    EXPECT_FALSE(of_sent->has_value());
    const auto rendered = render(1, stored, encode_body(message));
    EXPECT_TRUE(rendered->is_incoming());
    EXPECT_EQ(*rendered->stored(), stored);
    EXPECT_FALSE(render(1, encode_sent(sample_sent()), "")->is_incoming());
}

TEST(StoredEvents, TellIdsAndRecipientsToWhoLooksForAMessage) {
    const Message message = testing::sample_message();
    const auto sent = decode_stored(encode_sent(sample_sent()));
    ASSERT_TRUE(sent);
    EXPECT_EQ(message_id_of(*sent), sample_sent().message.message_id);
    EXPECT_EQ(kind_name(*sent), "sent");
    EXPECT_EQ(std::get<Sent>(sent->kind).recipient_ids, sample_sent().recipient_ids);
    EXPECT_EQ(std::get<Sent>(sent->kind).message.text, "");  // it is in the body
    const auto incoming = decode_stored(encode_incoming(message));
    ASSERT_TRUE(incoming);
    EXPECT_EQ(message_id_of(*incoming), message.message_id);
    EXPECT_EQ(std::get<Incoming>(incoming->kind).message.sender_id, message.sender_id);
    const auto delivered =
        decode_stored(encode_delivered({MessageId("m"), UserId("bob"), ChainKey("k"), 1}));
    ASSERT_TRUE(delivered);
    EXPECT_EQ(message_id_of(*delivered).value(), "m");
    EXPECT_EQ(kind_name(*delivered), "delivered");
    const auto later = decode_stored("\x32\x01x");
    ASSERT_TRUE(later);
    EXPECT_EQ(message_id_of(*later).value(), "");
    EXPECT_EQ(kind_name(*later), "unknown");
}

TEST(StoredEvents, EndInAnErrorWhereTheStoreIsCorrupt) {
    const Message message = testing::sample_message();
    const Bytes body = encode_body(message);
    for (const Bytes& stored : {encode_incoming(message), encode_sent(sample_sent())}) {
        for (std::size_t i = 0; i < stored.size(); ++i) {
            EXPECT_FALSE(RenderedEvent::make(Sequence(1), kAt, stored.substr(0, i), body)) << i;
            EXPECT_FALSE(receipt_facts(stored.substr(0, i)));
            EXPECT_FALSE(decode_stored(stored.substr(0, i)));
        }
    }
    EXPECT_FALSE(RenderedEvent::make(Sequence(1), kAt, "", ""));
    EXPECT_FALSE(
        RenderedEvent::make(Sequence(1), kAt, encode_incoming(message) + "\x08\x01", body));
    EXPECT_FALSE(RenderedEvent::make(Sequence(1), kAt, encode_incoming(message), "\x22\x01\xff"));
    EXPECT_FALSE(RenderedEvent::make(Sequence(1), kAt, encode_incoming(message), "\x20\x01"));
}

TEST(StoredEvents, NeverCrashOnBentBytes) {
    const Message message = testing::sample_message();
    const Bytes body = encode_body(message);
    Random random(5);
    for (const Bytes& stored : {encode_incoming(message), encode_sent(sample_sent())}) {
        for (int round = 0; round < 2000; ++round) {
            Bytes bent_stored = stored;
            Bytes bent_body = body;
            bent_stored[random.below(stored.size())] = static_cast<char>(random.next());
            bent_body[random.below(body.size())] = static_cast<char>(random.next());
            auto rendered = RenderedEvent::make(Sequence(1), kAt, bent_stored, bent_body);
            if (rendered) {
                EXPECT_GT((*rendered)->size(Encoding::json), 0u);
            }
        }
    }
}

}  // namespace
}  // namespace parley::wire
