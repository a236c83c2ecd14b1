// Built in both flavours of the protobuf runtime: they must not differ.
#include "wire/frames.h"

#include "base/random.h"
#include "wire/proto_bytes.h"
#include "wire/testing/samples.h"

#include <gtest/gtest.h>

#ifdef PARLEY_WIRE_LITE
#define SUITE FramesLite
#else
#define SUITE Frames
#endif

namespace parley::wire {
namespace {

Result<ClientFrame> decode_client(const Bytes& bytes) {
    return decode_client_frame(as_bytes(bytes));
}
Result<ServerFrame> decode_server(const Bytes& bytes) {
    return decode_server_frame(as_bytes(bytes));
}

TEST(SUITE, SurviveTheRoundTrip) {
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        const auto decoded = decode_client(encode(frame));
        ASSERT_TRUE(decoded) << name;
        EXPECT_EQ(*decoded, frame) << name;
    }
    for (const auto& [name, frame] : testing::sample_server_frames()) {
        const auto decoded = decode_server(encode(frame));
        ASSERT_TRUE(decoded) << name;
        EXPECT_EQ(*decoded, frame) << name;
    }
}

TEST(SUITE, HaveTheSameBytesEachTime) {
    Submit submit;
    for (int i = 0; i < 50; ++i) {
        submit.message.headers["name" + std::to_string(i)] = std::to_string(i);
    }
    const Bytes first = encode(ClientFrame(submit));
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(encode(ClientFrame(submit)), first);
    }
    // Sorted by name, whatever order a map of the library has.
    EXPECT_LT(first.find("name10"), first.find("name11"));
    EXPECT_LT(first.find("name48"), first.find("name9"));
}

TEST(SUITE, OfAClientNeedABodyThatIsKnown) {
    for (const std::string_view bytes : {std::string_view(""), std::string_view("\x2a\x00", 2),
                                         std::string_view("\xa2\x06\x00", 3)}) {
        const auto decoded = decode_client_frame(as_bytes(bytes));
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error().code, ErrorCode::protocol_violation);
        EXPECT_NE(decoded.error().description.find("without a known body"), std::string::npos);
    }
}

// spec/wire.md, "A session", 9.
TEST(SUITE, OfAServerMayBeOfALaterVersion) {
    EXPECT_EQ(*decode_server(""), ServerFrame(UnknownFrame{}));
    EXPECT_EQ(*decode_server(Bytes("\x32\x02\x08\x01", 4)), ServerFrame(UnknownFrame{}));
}

TEST(SUITE, SkipFieldsOfALaterVersion) {
    Bytes inner;
    append_number(inner, 1, 7);
    append_number(inner, 9, 5);
    append_nested_head(inner, 10, 3);
    inner += "abc";
    Bytes frame;
    append_nested_head(frame, 3, inner.size());
    frame += inner;
    EXPECT_EQ(*decode_client(frame), ClientFrame(Ack{Sequence(7)}));
}

TEST(SUITE, ShowEventsOfALaterKindAsUnknown) {
    Bytes event;
    append_number(event, 1, 7);
    append_nested_head(event, 9, 2);
    event += "xy";
    Bytes events;
    append_nested_head(events, 1, event.size());
    events += event;
    append_number(events, 2, 8);
    Bytes frame;
    append_nested_head(frame, 3, events.size());
    frame += events;
    const Events expected{{{Sequence(7), 0, UnknownEvent{}}}, Sequence(8)};
    EXPECT_EQ(*decode_server(frame), ServerFrame(expected));
}

TEST(SUITE, KeepErrorsOfALaterVersion) {
    const Goodbye goodbye{
        Error{ErrorDomain::other, static_cast<ErrorCode>(123456), "from the future", true}, 0};
    EXPECT_EQ(std::get<Goodbye>(*decode_server(encode(ServerFrame(goodbye)))).error, goodbye.error);
    // An error always says something.
    const Goodbye silent{Error{ErrorDomain::session, ErrorCode::replaced, "", false}, 0};
    EXPECT_FALSE(
        std::get<Goodbye>(*decode_server(encode(ServerFrame(silent)))).error.description.empty());
}

TEST(SUITE, KeepParallelListsParallel) {
    Events events = testing::sample_events();
    std::get<Sent>(events.events[1].kind).recipient_accepted_at_ms.pop_back();
    const auto decoded = decode_server(encode(ServerFrame(events)));
    ASSERT_TRUE(decoded);
    const auto& sent = std::get<Sent>(std::get<Events>(*decoded).events[1].kind);
    EXPECT_EQ(sent.recipient_accepted_at_ms.size(), sent.recipient_ids.size());
}

TEST(SUITE, RefuseTextThatIsNotUtf8) {
    Bytes bytes = encode(ClientFrame(Refresh{"aaaa"}));
    bytes[bytes.find("aaaa") + 1] = '\xff';
    const auto decoded = decode_client(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::protocol_violation);
    EXPECT_EQ(decoded.error().description.find('\n'), std::string::npos);
}

TEST(SUITE, EndInAnErrorWhereverTheyAreCutOrBent) {
    Random random(1);
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        const Bytes bytes = encode(frame);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            const auto cut = decode_client(bytes.substr(0, i));
            EXPECT_FALSE(cut && *cut == frame && i > 2) << name << " cut at " << i;
            Bytes bent = bytes;
            bent[i] = static_cast<char>(random.next());
            const auto decoded = decode_client(bent);
            if (!decoded) {
                EXPECT_EQ(decoded.error().code, ErrorCode::protocol_violation);
            }
        }
    }
    for (const auto& [name, frame] : testing::sample_server_frames()) {
        const Bytes bytes = encode(frame);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            (void)decode_server(bytes.substr(0, i));
            Bytes bent = bytes;
            bent[i] = static_cast<char>(random.next());
            (void)decode_server(bent);
        }
    }
}

TEST(SUITE, SurviveNestingWithoutEnd) {
    // Groups are the only thing that nests without a schema.
    EXPECT_FALSE(decode_client(Bytes(100000, '\x0b')));
    EXPECT_FALSE(decode_server(Bytes(100000, '\x7b')));
}

TEST(SUITE, KnowTheSizeOfASubmission) {
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        if (const auto* submit = std::get_if<Submit>(&frame)) {
            EXPECT_EQ(submit_frame_size(*submit), encode(frame).size()) << name;
        }
    }
    Submit submit{testing::sample_message(), {}};
    for (const std::size_t size : {0u, 1u, 127u, 128u, 16383u, 16384u, 70000u}) {
        submit.message.text.assign(size, 'x');
        EXPECT_EQ(submit_frame_size(submit), encode(ClientFrame(submit)).size()) << size;
    }
    submit.message.created_at_ms = -1;
    EXPECT_EQ(submit_frame_size(submit), encode(ClientFrame(submit)).size());
}

TEST(SUITE, KeepTheDefaultOfALimitThatWasNotTold) {
    Bytes limits;
    append_number(limits, 7, 12);  // unacked_events
    Bytes welcome;
    append_nested_head(welcome, 6, limits.size());
    welcome += limits;
    Bytes frame;
    append_nested_head(frame, 1, welcome.size());
    frame += welcome;
    Limits expected;
    expected.unacked_events = 12;
    EXPECT_EQ(std::get<Welcome>(*decode_server(frame)).limits, expected);
}

}  // namespace
}  // namespace parley::wire
