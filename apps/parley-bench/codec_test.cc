#include "codec.h"

#include "wire/websocket/decoder.h"

#include <gtest/gtest.h>

#include <optional>
#include <variant>
#include <vector>

namespace parley::bench {
namespace {

constexpr websocket::MaskKey kKey{0x12, 0x34, 0x56, 0x78};
constexpr std::uint64_t kMs = 1'790'000'000'000;

// What a server reads from these bytes: the frames of whole WebSocket messages.
std::vector<wire::ClientFrame> read_as_server(Bytes bytes) {
    const websocket::DecoderOptions options;
    websocket::Decoder decoder(options);
    decoder.feed(std::as_writable_bytes(std::span(bytes)));
    std::vector<wire::ClientFrame> frames;
    while (auto event = decoder.next()) {
        const auto* message = std::get_if<websocket::Decoder::Message>(&*event);
        EXPECT_NE(message, nullptr);
        if (message == nullptr) {
            return frames;
        }
        auto frame = wire::decode_client_frame(message->bytes);
        EXPECT_TRUE(frame) << frame.error().description;
        frames.push_back(*std::move(frame));
    }
    return frames;
}

wire::Message sample_message(const std::string& id) {
    wire::Message message;
    message.message_id = MessageId(id);
    message.sender_id = UserId("alice");
    message.recipient_ids = {UserId("bob"), UserId("carol")};
    message.text = std::string(300, 't');
    message.headers = {{"one", "1"}, {"two", "2"}};
    message.created_at_ms = 1;
    message.accepted_at_ms = 2;
    message.key = ChainKey("key");
    return message;
}

TEST(SubmitTemplate, WritesWhatTheServerReads) {
    const MessageIds ids(7);
    const SubmitTemplate submit({UserId("bob"), UserId("carol")}, 100, 42);
    Bytes out;
    submit.append(out, ids, kMs, 1, kKey);
    submit.append(out, ids, kMs, 0xfedcba987654, kKey);
    append_ack(out, (std::uint64_t{1} << 53) - 1, kKey);
    append_ack(out, 0x7f, kKey);

    const auto frames = read_as_server(out);
    ASSERT_EQ(frames.size(), 4u);
    std::vector<std::string> texts;
    for (const std::size_t i : {0u, 1u}) {
        const auto* read = std::get_if<wire::Submit>(&frames[i]);
        ASSERT_NE(read, nullptr);
        EXPECT_TRUE(wire::check_message(read->message, Limits{}));
        EXPECT_EQ(read->message.recipient_ids, (std::vector{UserId("bob"), UserId("carol")}));
        EXPECT_EQ(read->message.created_at_ms, 42);
        EXPECT_EQ(read->message.text.size(), 100u);
        std::uint64_t tag = 0;
        EXPECT_TRUE(ids.read(read->message.message_id.value(), tag));
        EXPECT_EQ(tag, i == 0 ? 1u : 0xfedcba987654u);
        texts.push_back(read->message.text);
    }
    EXPECT_NE(texts[0], texts[1]);
    EXPECT_EQ(std::get<wire::Ack>(frames[2]).sequence, Sequence((std::uint64_t{1} << 53) - 1));
    EXPECT_EQ(std::get<wire::Ack>(frames[3]).sequence, Sequence(0x7f));
}

TEST(SubmitTemplate, IsAddressedAnew) {
    SubmitTemplate submit({UserId("bob")}, 100, 42);
    submit.address("eve");
    Bytes out;
    submit.append(out, MessageIds(7), kMs, 1, kKey);
    const auto frames = read_as_server(out);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(std::get<wire::Submit>(frames[0]).message.recipient_ids, std::vector{UserId("eve")});
}

TEST(SubmitTemplate, TakesTextsOfAnyLength) {
    for (const std::size_t length : {0u, 1u, 11u, 12u, 125u, 126u, 65'536u}) {
        const SubmitTemplate submit({UserId("bob")}, length, 42);
        Bytes out;
        submit.append(out, MessageIds(7), kMs, 3, kKey);
        const auto frames = read_as_server(out);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_EQ(std::get<wire::Submit>(frames[0]).message.text.size(), length);
    }
}

TEST(MessageIds, KnowTheirOwnOnly) {
    const MessageIds ids(7), others(8);
    std::string id(kMessageIdBytes, ' ');
    ids.write(id.data(), kMs, 0x123456789abc);
    EXPECT_TRUE(wire::is_identifier(id)) << id;
    EXPECT_EQ(id[14], '7');
    std::uint64_t tag = 0;
    EXPECT_TRUE(ids.read(id, tag));
    EXPECT_EQ(tag, 0x123456789abcu);
    EXPECT_FALSE(others.read(id, tag));
    EXPECT_FALSE(ids.read(id.substr(1), tag));
    id.back() = 'g';
    EXPECT_FALSE(ids.read(id, tag));
}

TEST(ServerFrames, AreReadAsWireWritesThem) {
    wire::Events events;
    events.events = {
        {Sequence(5), 9, wire::Incoming{sample_message("one")}},
        {Sequence(300), 9, wire::Sent{sample_message("two"), {UserId("bob")}, DeviceId("d"), {7}}},
        {Sequence(1ull << 50), 9,
         wire::Delivered{MessageId("three"), UserId("bob"), ChainKey("k"), 8}},
    };
    events.through = Sequence((1ull << 50) + 1);
    const Bytes bytes = wire::encode(wire::ServerFrame(events));
    std::string_view body;
    ASSERT_EQ(kind_of(bytes, body), FrameKind::events);
    EventsReader reader(body);
    EventSeen event;
    ASSERT_TRUE(reader.next(event));
    EXPECT_EQ(event.kind, EventKind::incoming);
    EXPECT_EQ(event.sequence, 5u);
    EXPECT_EQ(event.message_id, "one");
    ASSERT_TRUE(reader.next(event));
    EXPECT_EQ(event.kind, EventKind::other);
    EXPECT_EQ(event.sequence, 300u);
    ASSERT_TRUE(reader.next(event));
    EXPECT_EQ(event.kind, EventKind::delivered);
    EXPECT_EQ(event.sequence, 1ull << 50);
    EXPECT_EQ(event.message_id, "three");
    EXPECT_FALSE(reader.next(event));
    EXPECT_TRUE(reader.whole());
    EXPECT_EQ(reader.through(), (1ull << 50) + 1);
}

TEST(ServerFrames, TellWhetherAllRecipientsWereAccepted) {
    wire::SubmitResult result;
    result.message_id = MessageId("one");
    result.accepted_at_ms = 5;
    result.recipients.resize(2);
    result.recipients[0].recipient_id = UserId("bob");
    result.recipients[1].recipient_id = UserId("carol");
    const auto accepted = [&] {
        const Bytes bytes = wire::encode(wire::ServerFrame(result));
        std::string_view body;
        Answer answer;
        EXPECT_EQ(kind_of(bytes, body), FrameKind::answer);
        EXPECT_TRUE(read_answer(body, answer));
        EXPECT_EQ(answer.message_id, "one");
        return answer.accepted;
    };
    EXPECT_TRUE(accepted());
    result.recipients[1].error = make_error(ErrorCode::recipient_unknown, "who");
    EXPECT_FALSE(accepted());
    result.recipients.clear();
    result.error = make_error(ErrorCode::invalid_argument, "what");
    EXPECT_FALSE(accepted());
}

TEST(ServerFrames, OfOtherKindsAreLeftToWire) {
    std::string_view body;
    for (const wire::ServerFrame& frame :
         {wire::ServerFrame(wire::Welcome{}), wire::ServerFrame(wire::Refreshed{5}),
          wire::ServerFrame(wire::Goodbye{})}) {
        EXPECT_EQ(kind_of(wire::encode(frame), body), FrameKind::other);
    }
    EXPECT_EQ(kind_of({}, body), FrameKind::other);
}

TEST(ServerFrames, CutAnywhereAreNotReadAsWhole) {
    wire::Events events;
    events.events = {{Sequence(5), 9, wire::Incoming{sample_message("one")}}};
    events.through = Sequence(5);
    const Bytes bytes = wire::encode(wire::ServerFrame(events));
    std::string_view body;
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        EXPECT_EQ(kind_of(std::string_view(bytes).substr(0, size), body), FrameKind::other) << size;
    }
    ASSERT_EQ(kind_of(bytes, body), FrameKind::events);
    // Within the event: the last two bytes are `through`.
    for (std::size_t size = 1; size + 2 < body.size(); ++size) {
        EventsReader reader(body.substr(0, size));
        EventSeen event;
        EXPECT_FALSE(reader.next(event)) << size;
        EXPECT_FALSE(reader.whole()) << size;
    }
}

}  // namespace
}  // namespace parley::bench
