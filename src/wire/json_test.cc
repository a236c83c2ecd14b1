#include "wire/json.h"

#include "base/random.h"
#include "parley/v1/wire.pb.h"
#include "wire/testing/samples.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace parley::wire {
namespace {

Result<ClientFrame> decode(std::string_view json) {
    return decode_client_json(as_bytes(json));
}

// What protobuf itself makes of the same bytes.
template <typename Generated>
std::string canonical(const Bytes& bytes) {
    Generated frame;
    EXPECT_TRUE(frame.ParseFromString(bytes));
    google::protobuf::util::JsonPrintOptions options;
    options.always_print_primitive_fields = true;
    std::string json;
    EXPECT_TRUE(google::protobuf::util::MessageToJsonString(frame, &json, options).ok());
    return json;
}

TEST(Json, IsWhatProtobufMakesOfTheSameFrame) {
    for (const auto& [name, frame] : testing::sample_server_frames()) {
        if (name == "events" || name == "goodbye_later") {
            continue;  // More than one header: protobuf's order is not ours.
        }
        EXPECT_EQ(encode_json(frame), canonical<v1::ServerFrame>(encode(frame))) << name;
    }
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        if (name != "submit") {
            EXPECT_EQ(client_frame_to_json(as_bytes(encode(frame))),
                      canonical<v1::ClientFrame>(encode(frame)))
                << name;
        }
    }
    Events events = testing::sample_events();
    std::get<Incoming>(events.events[0].kind).message.headers = {{"a", "\xC3\xBC/'&=\x01\x1f\t\r"}};
    std::get<Sent>(events.events[1].kind).message.headers.clear();
    EXPECT_EQ(encode_json(events), canonical<v1::ServerFrame>(encode(ServerFrame(events))));
}

TEST(Json, SurvivesTheRoundTripThroughProtobuf) {
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        const Bytes bytes = encode(frame);
        const auto back = client_frame_from_json(as_bytes(client_frame_to_json(as_bytes(bytes))));
        ASSERT_TRUE(back) << name << ": " << back.error().description;
        EXPECT_EQ(*back, bytes) << name;
    }
    for (const auto& [name, frame] : testing::sample_server_frames()) {
        const Bytes bytes = encode(frame);
        const Bytes json = server_frame_to_json(as_bytes(bytes));
        EXPECT_EQ(json, encode_json(frame)) << name;
        const auto back = server_frame_from_json(as_bytes(json));
        ASSERT_TRUE(back) << name << ": " << back.error().description;
        EXPECT_EQ(*back, bytes) << name;
    }
}

// spec/wire.md, "A session", 9.
TEST(Json, TakesNumbersAsTextAndLeavesOutDefaults) {
    const ClientFrame expected = Ack{Sequence(9007199254740991)};
    EXPECT_EQ(*decode(R"({"ack":{"sequence":"9007199254740991"}})"), expected);
    EXPECT_EQ(*decode(R"({"ack":{"sequence":9007199254740991}})"), expected);
    EXPECT_EQ(*decode(R"( { "ack" : { } } )"), ClientFrame(Ack{}));
    const auto submit = decode(R"({"submit":{"message":{"messageId":"m","recipientIds":["b"]}}})");
    ASSERT_TRUE(submit);
    EXPECT_EQ(std::get<Submit>(*submit).message.recipient_ids, std::vector{UserId("b")});
    EXPECT_EQ(std::get<Submit>(*submit).message.text, "");
}

// spec/wire.md, "A session", 9.
TEST(Json, IgnoresFieldsThatItDoesNotKnow) {
    EXPECT_EQ(*decode(R"({"new":[1,{"a":null}],"ack":{"sequence":3,"hint":"x"},"more":1.5})"),
              ClientFrame(Ack{Sequence(3)}));
}

TEST(Json, ReadsEveryEscape) {
    const auto refresh =
        decode(R"({"refresh":{"token":"\"\\\/\b\f\n\r\t\u0041\u00fc\ud83d\udc4b\u0000"}})");
    ASSERT_TRUE(refresh) << refresh.error().description;
    EXPECT_EQ(std::get<Refresh>(*refresh).token,
              std::string("\"\\/\b\f\n\r\tA\xC3\xBC\xF0\x9F\x91\x8B\0", 16));
}

TEST(Json, RefusesWhatIsNotAClientFrameInOneLine) {
    const std::string deep = R"({"x":)" + std::string(100000, '[');
    const std::string deep_objects = [] {
        std::string text;
        for (int i = 0; i < 20000; ++i) {
            text += R"({"a":)";
        }
        return text;
    }();
    for (const std::string_view json :
         {std::string_view(""), std::string_view("null"), std::string_view("[]"),
          std::string_view("7"), std::string_view("{}"), std::string_view(R"({"hallo":{}})"),
          std::string_view("{\"ack\":"), std::string_view(R"({"ack":{"sequence":-1}})"),
          std::string_view(R"({"ack":{"sequence":"x"}})"),
          std::string_view(R"({"ack":{"sequence":1e30}})"),
          std::string_view(R"({"ack":{},"hello":{}})"),
          std::string_view(R"({"refresh":{"token":5}})"),
          std::string_view(R"({"refresh":{"token":"\ud800"}})"),
          std::string_view("{\"refresh\":{\"token\":\"\xff\"}}"), std::string_view(deep),
          std::string_view(deep_objects), std::string_view("\0\0", 2),
          std::string_view(R"({"ack":{"sequence":1}} {"ack":{"sequence":1}})")}) {
        const auto decoded = decode(json);
        ASSERT_FALSE(decoded) << json.substr(0, 80);
        EXPECT_EQ(decoded.error().code, ErrorCode::protocol_violation);
        EXPECT_EQ(decoded.error().description.find('\n'), std::string::npos);
        EXPECT_LT(decoded.error().description.size(), 300u);
        EXPECT_FALSE(client_frame_from_json(as_bytes(json)));
    }
}

TEST(Json, SurvivesBytesThatAreBent) {
    Random random(3);
    for (const auto& [name, frame] : testing::sample_client_frames()) {
        const Bytes json = client_frame_to_json(as_bytes(encode(frame)));
        for (std::size_t i = 0; i < json.size(); ++i) {
            (void)decode(json.substr(0, i));
            Bytes bent = json;
            bent[i] = static_cast<char>(random.next());
            (void)decode(bent);
        }
    }
}

// What a server sends must not grow out of proportion (spec/wire.md): text at most six times, ids
// at most twice.
TEST(Json, EscapesNoMoreThanItMust) {
    Events events;
    Message message;
    message.text = "</script>\x7f\xC2\x80\xE2\x80\xA8";
    events.events = {{Sequence(1), 0, Incoming{message}}};
    const Bytes json = encode_json(events);
    EXPECT_NE(json.find(message.text), std::string::npos);
    const auto back = server_frame_from_json(as_bytes(json));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, encode(ServerFrame(events)));
}

}  // namespace
}  // namespace parley::wire
