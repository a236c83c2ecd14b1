#include "protocol/testing/server_session_fixture.h"

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;
using testing::accepted;
using testing::event;
using testing::submission;

class JsonServerSession : public testing::ServerSessionFixture {
  protected:
    JsonServerSession() { options_.encoding = wire::Encoding::json; }
    void open_json() {
        ASSERT_TRUE(receive_bytes(R"({"hello":{"deviceId":"d1","supportsMessaging":true}})"));
        ASSERT_TRUE(output<ServerSession::HelloReceived>());
        session().welcome({}, true, Instant::max());
        EXPECT_EQ(sent().size(), 1u);
    }
};

TEST_F(JsonServerSession, SpeaksJson) {
    open_json();
    ASSERT_TRUE(receive_bytes(
        R"({"submit":{"message":{"messageId":"m1","recipientIds":["bob"],"text":"x"}}})"));
    EXPECT_EQ(output<ServerSession::Submitted>()->submit, submission("m1"));
    session().answer(accepted("m1"));
    session().deliver(std::vector{event(1)}, Sequence(3));
    session().transmit(sink_);
    const auto frames = sink_.take();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0], R"({"submitResult":{"messageId":"m1","acceptedAtMs":"5","recipients":[)"
                         R"({"recipientId":"bob","duplicate":false,"acceptedAtMs":"5"}]}})");
    EXPECT_TRUE(frames[1].starts_with(R"({"events":{"events":[{"sequence":"1")")) << frames[1];
    EXPECT_TRUE(frames[1].ends_with(R"(],"through":"3"}})")) << frames[1];
}

// spec/wire.md: a JSON frame from a client may be twice frame_bytes.
TEST_F(JsonServerSession, TakesFramesOfTwiceTheLimit) {
    options_.limits.frame_bytes = 1000;
    open_json();
    Bytes frame = R"({"ack":{}})";
    frame.resize(2000, ' ');
    EXPECT_TRUE(receive_bytes(frame));
    frame.push_back(' ');
    EXPECT_FALSE(receive_bytes(frame));
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1009);
}

// spec/wire.md: what the server sends never exceeds frame_bytes in the session's own encoding.
TEST_F(JsonServerSession, FillsFramesByTheirSizeInJson) {
    options_.limits.frame_bytes = 2000;
    open_json();
    std::vector<std::shared_ptr<wire::RenderedEvent>> events;
    wire::Message message;
    message.text.assign(100, '\x01');  // six characters each
    for (std::uint64_t i = 1; i <= 10; ++i) {
        events.push_back(*wire::RenderedEvent::make(
            Sequence(i), WallTime{}, wire::encode_incoming(message), wire::encode_body(message)));
    }
    session().deliver(events, Sequence(10));
    EXPECT_EQ(sent().size(), 5u);
}

TEST_F(JsonServerSession, ClosesOnTextThatIsNotUtf8) {
    open_json();
    EXPECT_FALSE(receive_bytes("{\"refresh\":{\"token\":\"\xff\"}}"));
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1007);
    EXPECT_TRUE(session().finished());
}

TEST_F(JsonServerSession, EndsWithTextThatIsNoFrame) {
    open_json();
    EXPECT_FALSE(receive_bytes("hello"));
    expect_end(ErrorCode::protocol_violation, 1008);
}

}  // namespace
}  // namespace parley::protocol
