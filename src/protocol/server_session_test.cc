// How a session begins, lives and ends.
#include "protocol/testing/server_session_fixture.h"

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;
using testing::accepted;
using testing::event;
using testing::kStart;
using testing::submission;

class ServerSessionTest : public testing::ServerSessionFixture {};

TEST_F(ServerSessionTest, GreetsAndThenTakesSubmissions) {
    open();
    ASSERT_TRUE(receive(submission("m1")));
    const auto submitted = output<ServerSession::Submitted>();
    ASSERT_TRUE(submitted);
    EXPECT_EQ(submitted->submit, submission("m1"));
    EXPECT_EQ(submitted->bytes, wire::submit_frame_size(submission("m1")));
    session().answer(accepted("m1"));
    EXPECT_EQ(sent(), std::vector<wire::ServerFrame>{accepted("m1")});
}

// spec/wire.md, "A session", 2
TEST_F(ServerSessionTest, EndsWithoutHelloInTime) {
    EXPECT_EQ(session().deadline(), kStart + 10s);
    now_ += 9999ms;
    session().alive(now_);
    session().tick(now_);
    EXPECT_TRUE(quiet());
    now_ += 1ms;
    session().tick(now_);
    expect_end(ErrorCode::timed_out, 1008);
}

TEST_F(ServerSessionTest, EndsWithWhatComesBeforeHello) {
    EXPECT_FALSE(receive(wire::Ack{}));
    expect_end(ErrorCode::protocol_violation, 1008);
}

TEST_F(ServerSessionTest, EndsWithASecondHello) {
    open();
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    EXPECT_FALSE(receive(hello));
    expect_end(ErrorCode::protocol_violation, 1008);
}

TEST_F(ServerSessionTest, EndsWithADeviceIdThatIsNone) {
    wire::Hello hello;
    hello.device_id = DeviceId("a b");
    EXPECT_FALSE(receive(hello));
    expect_end(ErrorCode::invalid_argument, 1008);
}

TEST_F(ServerSessionTest, CutsWhatIsOnlyForItsInformation) {
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    hello.sdk = std::string(63, 'x') + "\xC3\xBC";
    hello.features.assign(1000, "f");
    ASSERT_TRUE(receive(hello));
    const auto received = output<ServerSession::HelloReceived>();
    EXPECT_EQ(received->hello.sdk, std::string(63, 'x'));
    EXPECT_EQ(received->hello.features.size(), 64u);
}

TEST_F(ServerSessionTest, EndsWithBytesThatAreNoFrame) {
    open();
    for (const Bytes& bytes : {Bytes("\xff\xff"), Bytes()}) {
        session_.reset();
        open();
        EXPECT_FALSE(receive_bytes(bytes));
        expect_end(ErrorCode::protocol_violation, 1008);
    }
}

// spec/wire.md: above frame_bytes 1009, without a Goodbye.
TEST_F(ServerSessionTest, ClosesOnAFrameThatIsTooLong) {
    options_.limits.frame_bytes = 1000;
    open();
    EXPECT_TRUE(receive(submission("m1", 900)));
    EXPECT_TRUE(output<ServerSession::Submitted>());
    EXPECT_FALSE(receive(submission("m2", 1000)));
    const auto ended = output<ServerSession::Ended>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->close_code, 1009);
    EXPECT_TRUE(session().finished());
    EXPECT_TRUE(sent().empty());
}

// spec/wire.md: nobody knows yet who sends the first frame.
TEST_F(ServerSessionTest, ClosesOnAFirstFrameThatIsLongerThanAHello) {
    EXPECT_FALSE(receive_bytes(Bytes(kHelloBytes, '\xff')));
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1008) << "it was looked at";
    session_.reset();
    EXPECT_FALSE(receive_bytes(Bytes(kHelloBytes + 1, '\xff')));
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1009);
}

// What comes between Hello and Welcome waits for it, in order.
TEST_F(ServerSessionTest, KeepsEarlyFramesForAfterItsWelcome) {
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    ASSERT_TRUE(receive(hello));
    EXPECT_FALSE(session().wants_to_read());
    ASSERT_TRUE(receive(submission("m1")));
    ASSERT_TRUE(receive(submission("m2")));
    EXPECT_TRUE(output<ServerSession::HelloReceived>());
    EXPECT_TRUE(quiet());
    session().welcome({}, true, Instant::max());
    EXPECT_TRUE(session().wants_to_read());
    EXPECT_EQ(output<ServerSession::Submitted>()->submit, submission("m1"));
    EXPECT_EQ(output<ServerSession::Submitted>()->submit, submission("m2"));
}

TEST_F(ServerSessionTest, BoundsEarlyFrames) {
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    ASSERT_TRUE(receive(hello));
    EXPECT_TRUE(output<ServerSession::HelloReceived>());
    int taken = 0;
    while (receive(submission("m", 60000)) && taken < 1000) {
        ++taken;
    }
    EXPECT_LT(taken, 100);
    expect_end(ErrorCode::protocol_violation, 1008);
}

TEST_F(ServerSessionTest, MayBeRefusedInsteadOfWelcomed) {
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    ASSERT_TRUE(receive(hello));
    EXPECT_TRUE(output<ServerSession::HelloReceived>());
    session().goodbye(make_error(ErrorCode::not_authenticated, "refused"));
    session().welcome({}, true, Instant::max());
    expect_end(ErrorCode::not_authenticated, 1008);
}

// R15
TEST_F(ServerSessionTest, EndsWithASubmissionWithoutMessaging) {
    open(false);
    EXPECT_EQ(session().room().events, 0u);
    EXPECT_FALSE(receive(submission("m1")));
    expect_end(ErrorCode::protocol_violation, 1008);
}

// R15
TEST_F(ServerSessionTest, EndsWithAnAckWithoutMessaging) {
    open(false);
    EXPECT_FALSE(receive(wire::Ack{}));
    expect_end(ErrorCode::protocol_violation, 1008);
}

// spec/wire.md, "A session", 6
TEST_F(ServerSessionTest, EndsAfterAnAnswerThatAsksForARetry) {
    open();
    for (const char* id : {"m1", "m2"}) {
        ASSERT_TRUE(receive(submission(id)));
        EXPECT_TRUE(output<ServerSession::Submitted>());
    }
    wire::SubmitResult partly = accepted("m1");
    partly.recipients.push_back(
        {UserId("carol"), false, make_error(ErrorCode::server_error, "the store is away"), 0});
    session().answer(partly);
    session().answer(accepted("m2"));
    const auto ended = output<ServerSession::Ended>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->close_code, 1013);
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0], wire::ServerFrame(partly));
    const auto& goodbye = std::get<wire::Goodbye>(frames[1]);
    EXPECT_EQ(goodbye.error.code, ErrorCode::server_error);
    EXPECT_TRUE(goodbye.error.retryable);
    EXPECT_TRUE(session().finished());
}

TEST_F(ServerSessionTest, GoesOnAfterAFinalRefusal) {
    open();
    ASSERT_TRUE(receive(submission("m1")));
    EXPECT_TRUE(output<ServerSession::Submitted>());
    wire::SubmitResult refused{
        MessageId("m1"), 0, {}, make_error(ErrorCode::invalid_argument, "text")};
    session().answer(refused);
    EXPECT_TRUE(quiet());
    EXPECT_EQ(sent(), std::vector<wire::ServerFrame>{refused});
}

TEST_F(ServerSessionTest, AnswersAnIdOfAnyLengthWithinAFrame) {
    options_.limits.frame_bytes = 4000;
    open();
    const std::string id(3000, 'i');
    ASSERT_TRUE(receive(submission(id)));
    wire::SubmitResult refused{MessageId(id), 0, {}, make_error(ErrorCode::invalid_argument, "id")};
    session().answer(refused);
    EXPECT_EQ(std::get<wire::SubmitResult>(sent().at(0)).message_id,
              MessageId(std::string(64, 'i')));
    ASSERT_TRUE(receive(submission("m")));
    wire::SubmitResult many{MessageId("m"), 0, {}, std::nullopt};
    for (int i = 0; i < 50; ++i) {
        many.recipients.push_back({UserId("u"), false,
                                   make_error(ErrorCode::recipient_unknown, std::string(200, 'd')),
                                   0});
    }
    session().answer(many);
    EXPECT_EQ(std::get<wire::SubmitResult>(sent().at(0)).recipients.size(), 50u);
}

TEST_F(ServerSessionTest, SaysWhatIsQueuedBeforeItsGoodbye) {
    open();
    ASSERT_TRUE(receive(submission("m1")));
    EXPECT_TRUE(output<ServerSession::Submitted>());
    session().answer(accepted("m1"));
    session().deliver(std::vector{event(1)}, Sequence(1));
    session().goodbye(make_error(ErrorCode::draining, "going down"), 1500ms);
    session().goodbye(make_error(ErrorCode::replaced, "too late"));
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0], wire::ServerFrame(accepted("m1")));
    EXPECT_TRUE(std::holds_alternative<wire::Events>(frames[1]));
    EXPECT_EQ(std::get<wire::Goodbye>(frames[2]).reconnect_after_ms, 1500);
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1001);
}

TEST_F(ServerSessionTest, GivesUpWritingToAPeerThatDoesNotRead) {
    options_.limits.unacked_events = 1;
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(sent().size(), 1u);
    sink_.room = 0;
    session().goodbye(make_error(ErrorCode::replaced, "a newer session"));
    EXPECT_TRUE(sent().empty());
    EXPECT_FALSE(session().finished());
    const auto deadline = session().deadline();
    ASSERT_TRUE(deadline);
    session().tick(*deadline);
    EXPECT_TRUE(session().finished());
}

// Events beyond the window stay in the mailbox: the Goodbye does not wait for an Ack that nobody
// reads.
TEST_F(ServerSessionTest, LeavesEventsBeyondTheWindowBehind) {
    options_.limits.unacked_events = 1;
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    session().goodbye(make_error(ErrorCode::mailbox_reset, "reset"));
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(std::get<wire::Events>(frames[0]).through, Sequence(1));
    EXPECT_TRUE(std::holds_alternative<wire::Goodbye>(frames[1]));
    EXPECT_EQ(output<ServerSession::Ended>()->close_code, 1013);
    EXPECT_TRUE(session().finished());
}

TEST(CloseCode, BelongsToTheGoodbye) {
    EXPECT_EQ(close_code_for(ErrorCode::draining), 1001);
    EXPECT_EQ(close_code_for(ErrorCode::server_error), 1013);
    EXPECT_EQ(close_code_for(ErrorCode::mailbox_reset), 1013);
    EXPECT_EQ(close_code_for(ErrorCode::too_many_connections), 1013);
    for (const ErrorCode code :
         {ErrorCode::replaced, ErrorCode::too_many_sessions, ErrorCode::protocol_violation,
          ErrorCode::not_authenticated, ErrorCode::refused_by_policy, ErrorCode::timed_out}) {
        EXPECT_EQ(close_code_for(code), 1008);
    }
}

// spec/wire.md, "A session", 7
TEST_F(ServerSessionTest, PingsEachIntervalAndEndsAfterTwoWithoutLife) {
    open();
    now_ += 30s;
    EXPECT_EQ(session().deadline(), now_);
    session().tick(now_);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(sink_.pings, 1);
    now_ += 10s;
    session().alive(now_);
    now_ += 20s;
    session().tick(now_);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(sink_.pings, 2);
    EXPECT_TRUE(quiet());
    now_ = kStart + 100s;
    session().tick(now_);
    expect_end(ErrorCode::timed_out, 1008);
}

TEST_F(ServerSessionTest, TakesAFrameForLife) {
    open();
    now_ += 59s;
    ASSERT_TRUE(receive(wire::Ack{}));
    now_ += 59s;
    session().tick(now_);
    EXPECT_TRUE(quiet());
}

// spec/wire.md, "A session", 7: a session that the server itself reads slowly is not dead.
TEST_F(ServerSessionTest, DoesNotCountTimeInWhichItDidNotRead) {
    open();
    session().hold_reading(true);
    for (int i = 0; i < 10; ++i) {
        now_ += 30s;
        session().tick(now_);
    }
    session().hold_reading(false);
    now_ += 30s;
    session().tick(now_);
    EXPECT_TRUE(quiet());
    now_ += 59s;
    session().tick(now_);
    EXPECT_TRUE(quiet());
    now_ += 1s;
    session().tick(now_);
    EXPECT_TRUE(output<ServerSession::Ended>());
}

// The same when the pause is over before anyone looks.
TEST_F(ServerSessionTest, DoesNotCountAPauseBetweenTwoTicks) {
    open();
    session().hold_reading(true);
    now_ += 59s;
    session().hold_reading(false);
    now_ += 5s;
    session().tick(now_);
    EXPECT_TRUE(quiet());
    EXPECT_GT(*session().deadline(), now_);
}

// R22
TEST_F(ServerSessionTest, EndsWithItsTokenUnlessRefreshed) {
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    ASSERT_TRUE(receive(hello));
    EXPECT_TRUE(output<ServerSession::HelloReceived>());
    session().welcome({}, true, kStart + 20s);
    EXPECT_EQ(session().deadline(), kStart + 20s);
    ASSERT_TRUE(receive(wire::Refresh{"new"}));
    EXPECT_EQ(output<ServerSession::RefreshReceived>()->token, "new");
    EXPECT_FALSE(session().wants_to_read());
    session().refreshed(25000, kStart + 25s);
    EXPECT_TRUE(session().wants_to_read());
    const auto frames = sent();
    EXPECT_EQ(frames.at(1), wire::ServerFrame(wire::Refreshed{25000}));
    now_ = kStart + 24s;
    session().tick(now_);
    EXPECT_TRUE(quiet());
    now_ = kStart + 25s;
    session().tick(now_);
    expect_end(ErrorCode::not_authenticated, 1008);
}

TEST_F(ServerSessionTest, MayRefreshWithoutMessaging) {
    open(false);
    ASSERT_TRUE(receive(wire::Refresh{"new"}));
    EXPECT_TRUE(output<ServerSession::RefreshReceived>());
    session().goodbye(make_error(ErrorCode::not_authenticated, "another user"));
    expect_end(ErrorCode::not_authenticated, 1008);
}

}  // namespace
}  // namespace parley::protocol
