// What is written and read without the generated code is what the generated code writes and reads.
#include "wire/hot_frames.h"

#include "base/random.h"
#include "wire/convert.h"
#include "wire/stored_event.h"
#include "wire/testing/samples.h"

#include <gtest/gtest.h>

namespace parley::wire {
namespace {

std::string text(Random& random, std::size_t most) {
    std::string out(random.below(most + 1), '\0');
    for (char& c : out) {
        c = static_cast<char>(' ' + random.below(95));
    }
    return out;
}

Message some_message(Random& random) {
    Message message;
    message.message_id = MessageId(text(random, 40));
    message.sender_id = UserId(text(random, 20));
    for (std::uint64_t i = random.below(4); i > 0; --i) {
        message.recipient_ids.emplace_back(text(random, 20));
    }
    message.text = text(random, 300) + (random.chance(0.3) ? "gr\xc3\xbc\xc3\x9f" : "");
    for (std::uint64_t i = random.below(4); i > 0; --i) {
        message.headers[text(random, 5)] = text(random, 200);
    }
    message.created_at_ms = random.chance(0.2) ? 0 : static_cast<std::int64_t>(random.next());
    message.accepted_at_ms = static_cast<std::int64_t>(random.below(3));
    message.key = ChainKey(text(random, 40));
    return message;
}

std::optional<ClientFrame> decode_generated(std::string_view bytes) {
    v1::ClientFrame frame;
    if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return std::nullopt;
    }
    return from_generated(std::move(frame));
}

TEST(HotFrames, ReadAUsualFrameAsTheGeneratedCodeDoes) {
    Random random(1);
    for (int i = 0; i < 500; ++i) {
        Submit submit{some_message(random), {}};
        if (random.chance(0.3)) {
            submit.open_recipient_ids = submit.message.recipient_ids;
        }
        const auto read = decode_usual(encode(ClientFrame(submit)));
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, ClientFrame(submit));
    }
    const auto ack = decode_usual(encode(ClientFrame(Ack{Sequence(1ull << 52)})));
    ASSERT_TRUE(ack);
    EXPECT_EQ(*ack, ClientFrame(Ack{Sequence(1ull << 52)}));
}

TEST(HotFrames, ReadNothingThatTheGeneratedCodeReadsOtherwise) {
    Random random(2);
    int taken = 0;
    for (int i = 0; i < 10'000; ++i) {
        Bytes bytes = encode(ClientFrame(Submit{some_message(random), {}}));
        for (std::uint64_t k = random.below(3); k > 0; --k) {
            bytes[random.below(bytes.size())] = static_cast<char>(random.next());
        }
        if (const auto read = decode_usual(bytes)) {
            ++taken;
            ASSERT_EQ(read, decode_generated(bytes));
        }
    }
    EXPECT_GT(taken, 2'000);
}

TEST(HotFrames, LeaveWhatIsUnusualToTheGeneratedCode) {
    const Bytes once = encode(ClientFrame(Submit{testing::sample_message(), {}}));
    EXPECT_TRUE(decode_usual(once));
    EXPECT_FALSE(decode_usual(once + once));  // the later one would be merged in
    EXPECT_FALSE(decode_usual(encode(ClientFrame(Hello{}))));
    EXPECT_FALSE(decode_usual(""));
    EXPECT_FALSE(decode_usual(once.substr(0, once.size() - 1)));
    EXPECT_FALSE(decode_usual(std::string_view("\x12\x02\x20\x01", 4)));  // an unknown field
    // A length of more bytes than the generated code takes.
    EXPECT_FALSE(decode_usual(std::string_view("\x1a\x82\x80\x80\x80\x80\x00\x08\x05", 9)));
    EXPECT_FALSE(decode_usual(std::string_view("\x12\x05\x0a\x03\x22\x01\xff", 7)));  // not UTF-8
}

TEST(HotFrames, WriteResultsAsTheGeneratedCodeDoes) {
    Random random(3);
    for (int i = 0; i < 500; ++i) {
        SubmitResult result;
        result.message_id = MessageId(text(random, 40));
        result.accepted_at_ms = static_cast<std::int64_t>(random.below(3) * random.next());
        for (std::uint64_t k = random.below(4); k > 0; --k) {
            result.recipients.push_back({UserId(text(random, 20)), random.chance(0.5), std::nullopt,
                                         static_cast<std::int64_t>(random.below(1000))});
        }
        EXPECT_EQ(encode_accepted(result), serialize(to_generated(ServerFrame(result))));
        result.error = make_error(ErrorCode::server_error, "refused");
        EXPECT_EQ(encode_accepted(result), std::nullopt);
    }
}

TEST(HotFrames, StoreEventsAsTheGeneratedCodeDoes) {
    Random random(4);
    for (int i = 0; i < 500; ++i) {
        Sent sent;
        sent.message = some_message(random);
        sent.origin_device_id = DeviceId(text(random, 10));
        for (std::uint64_t k = random.below(4); k > 0; --k) {
            sent.recipient_ids.emplace_back(text(random, 20));
            sent.recipient_accepted_at_ms.push_back(static_cast<std::int64_t>(random.next()));
        }
        const Delivered delivered{MessageId(text(random, 40)), UserId(text(random, 20)),
                                  ChainKey(text(random, 40)),
                                  static_cast<std::int64_t>(random.below(2) * random.next())};
        Message head = sent.message;
        head.text.clear();
        head.headers.clear();
        head.recipient_ids.clear();
        Message body = sent.message;
        body.message_id = {};
        body.sender_id = {};
        body.key = {};
        body.created_at_ms = body.accepted_at_ms = 0;
        EXPECT_EQ(encode_body(sent.message), serialize(to_generated(body)));
        v1::Event event;
        Sent without_body = sent;
        without_body.message = head;
        *event.mutable_sent() = to_generated(without_body);
        EXPECT_EQ(encode_sent(sent), serialize(event));
        *event.mutable_delivered() = to_generated(delivered);
        EXPECT_EQ(encode_delivered(delivered), serialize(event));
        head.accepted_at_ms = 0;
        *event.mutable_incoming() = to_generated(head);
        EXPECT_EQ(encode_incoming(sent.message), serialize(event));
    }
}

}  // namespace
}  // namespace parley::wire
