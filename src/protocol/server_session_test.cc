#include "protocol/server_session.h"

#include "protocol/testing/frame_list.h"
#include "wire/json.h"

#include <gtest/gtest.h>

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{};

std::shared_ptr<wire::RenderedEvent> event(std::uint64_t sequence, std::size_t text = 1) {
    wire::Message message;
    message.text.assign(text, 'x');
    return *wire::RenderedEvent::make(Sequence(sequence), WallTime{},
                                      wire::encode_incoming(message), wire::encode_body(message));
}

wire::Submit submission(const std::string& id, std::size_t text = 1) {
    wire::Submit submit;
    submit.message.message_id = MessageId(id);
    submit.message.recipient_ids = {UserId("bob")};
    submit.message.text.assign(text, 'x');
    return submit;
}

wire::SubmitResult accepted(const std::string& id) {
    return {MessageId(id), 5, {{UserId("bob"), false, std::nullopt, 5}}, std::nullopt};
}

// One session, and what its owner sees.
class ServerSessionTest : public ::testing::Test {
  protected:
    ServerSession& session() {
        if (!session_) {
            session_ = std::make_unique<ServerSession>(options_, now_);
        }
        return *session_;
    }
    Result<void> receive(const wire::ClientFrame& frame) {
        return receive_bytes(wire::encode(frame));
    }
    Result<void> receive_bytes(const Bytes& bytes) {
        return session().receive(as_bytes(bytes), now_);
    }

    void open(bool messaging = true, std::optional<Cursor> cursor = std::nullopt,
              bool accepted_cursor = true) {
        wire::Hello hello;
        hello.device_id = DeviceId("d1");
        hello.supports_messaging = messaging;
        hello.cursor = cursor;
        ASSERT_TRUE(receive(hello));
        ASSERT_TRUE(output<ServerSession::HelloReceived>());
        wire::Welcome welcome;
        welcome.cursor_accepted = cursor && accepted_cursor;
        session().welcome(welcome, messaging, Instant::max());
        ASSERT_TRUE(std::holds_alternative<wire::Welcome>(sent().at(0)));
    }

    template <typename T>
    std::optional<T> output() {
        auto out = session().next_output();
        if (!out || !std::holds_alternative<T>(*out)) {
            return std::nullopt;
        }
        return std::get<T>(std::move(*out));
    }
    bool quiet() { return !session().next_output(); }

    // What is written now, decoded.
    std::vector<wire::ServerFrame> sent() {
        session().transmit(sink_);
        std::vector<wire::ServerFrame> frames;
        for (const Bytes& bytes : sink_.take()) {
            EXPECT_LE(bytes.size(), options_.limits.frame_bytes);
            Bytes proto = bytes;
            if (options_.encoding == wire::Encoding::json) {
                proto = *wire::server_frame_from_json(as_bytes(bytes));
            }
            frames.push_back(*wire::decode_server_frame(as_bytes(proto)));
        }
        return frames;
    }

    // The session ends with this Goodbye and close code, said last.
    void expect_end(ErrorCode code, std::uint16_t close_code) {
        const auto ended = output<ServerSession::Ended>();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->close_code, close_code);
        EXPECT_EQ(ended->error.code, code);
        EXPECT_TRUE(quiet());
        EXPECT_FALSE(session().finished());
        const auto frames = sent();
        ASSERT_FALSE(frames.empty());
        const auto* goodbye = std::get_if<wire::Goodbye>(&frames.back());
        ASSERT_NE(goodbye, nullptr);
        EXPECT_EQ(goodbye->error, ended->error);
        EXPECT_TRUE(session().finished());
        EXPECT_EQ(session().deadline(), std::nullopt);
        // Nothing is accepted, answered or said any more.
        EXPECT_TRUE(receive(submission("late")));
        EXPECT_TRUE(quiet());
        EXPECT_TRUE(sent().empty());
    }

    ServerSessionOptions options_;
    Instant now_ = kStart;
    testing::FrameList sink_;
    std::unique_ptr<ServerSession> session_;
};

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

// spec/wire.md, "A session", 4
TEST_F(ServerSessionTest, EndsWithAnAckBeyondWhatItSent) {
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(sent().size(), 1u);
    session().deliver(std::vector{event(3)}, Sequence(3));
    // Not written yet: not sent.
    EXPECT_FALSE(receive(wire::Ack{Sequence(3)}));
    expect_end(ErrorCode::protocol_violation, 1008);
}

TEST_F(ServerSessionTest, TellsEachStepOfAcknowledgementOnce) {
    open(true, Cursor{Epoch("e"), Sequence(10)});
    session().deliver(std::vector{event(11), event(12), event(14)}, Sequence(20));
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(wire::Ack{Sequence(10)}));
    ASSERT_TRUE(receive(wire::Ack{Sequence(3)}));
    EXPECT_TRUE(quiet());
    ASSERT_TRUE(receive(wire::Ack{Sequence(12)}));
    EXPECT_EQ(output<ServerSession::Acknowledged>()->sequence, Sequence(12));
    ASSERT_TRUE(receive(wire::Ack{Sequence(12)}));
    ASSERT_TRUE(receive(wire::Ack{Sequence(11)}));
    EXPECT_TRUE(quiet());
    // Where the cursor may move, an Ack may follow, also between and behind events.
    ASSERT_TRUE(receive(wire::Ack{Sequence(20)}));
    EXPECT_EQ(output<ServerSession::Acknowledged>()->sequence, Sequence(20));
}

// R19: a void cursor acknowledges nothing in this session.
TEST_F(ServerSessionTest, ForgetsACursorThatWasNotAccepted) {
    open(true, Cursor{Epoch("e"), Sequence(10)}, false);
    session().deliver(std::vector{event(3)}, Sequence(3));
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(wire::Ack{Sequence(3)}));
    EXPECT_EQ(output<ServerSession::Acknowledged>()->sequence, Sequence(3));
    EXPECT_FALSE(receive(wire::Ack{Sequence(10)}));
}

// R20: windows are bounded in events.
TEST_F(ServerSessionTest, KeepsTheWindowOfEvents) {
    options_.limits.unacked_events = 3;
    open();
    EXPECT_EQ(session().room().events, 3u);
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(session().room().events, 1u);
    // More than there was room for: the rest waits.
    session().deliver(std::vector{event(3), event(4), event(5)}, Sequence(9));
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(std::get<wire::Events>(frames[0]).events.size(), 3u);
    EXPECT_EQ(std::get<wire::Events>(frames[0]).through, Sequence(3));
    EXPECT_EQ(session().room().events, 0u);
    EXPECT_TRUE(sent().empty());
    ASSERT_TRUE(receive(wire::Ack{Sequence(1)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(4));
    ASSERT_TRUE(receive(wire::Ack{Sequence(4)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(9));
    EXPECT_EQ(session().room().events, 2u);
}

// R20: and in bytes; one is always allowed.
TEST_F(ServerSessionTest, KeepsTheWindowOfBytes) {
    options_.limits.unacked_bytes = 1000;
    open();
    session().deliver(std::vector{event(1, 2000), event(2, 600), event(3, 600)}, Sequence(3));
    EXPECT_EQ(session().room().bytes, 0u);
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(1));
    ASSERT_TRUE(receive(wire::Ack{Sequence(1)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(2));
    EXPECT_TRUE(sent().empty());
    ASSERT_TRUE(receive(wire::Ack{Sequence(2)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(3));
    EXPECT_GT(session().room().bytes, 0u);
}

TEST_F(ServerSessionTest, AllowsOneEventWhateverTheLimits) {
    options_.limits.unacked_events = 0;
    options_.limits.unacked_bytes = 0;
    open();
    EXPECT_EQ(session().room().events, 1u);
    EXPECT_GE(session().room().bytes, 1u);
    session().deliver(std::vector{event(1)}, Sequence(1));
    EXPECT_EQ(session().room().events, 0u);
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(ServerSessionTest, AnswersPassEventsThatWaitForTheWindow) {
    options_.limits.unacked_events = 1;
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(submission("m1")));
    session().answer(accepted("m1"));
    EXPECT_EQ(sent(), std::vector<wire::ServerFrame>{accepted("m1")});
}

TEST_F(ServerSessionTest, FillsFramesUpToTheirLimit) {
    options_.limits.frame_bytes = 1000;
    open();
    std::vector<std::shared_ptr<wire::RenderedEvent>> events;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        events.push_back(event(i, 200));
    }
    session().deliver(events, Sequence(33));
    const auto frames = sent();  // checks each frame's size
    ASSERT_EQ(frames.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(std::get<wire::Events>(frames[i]).events.size(), 4u);
        EXPECT_EQ(std::get<wire::Events>(frames[i]).through, Sequence(i == 4 ? 33 : 4 * (i + 1)));
    }
}

TEST_F(ServerSessionTest, MovesTheCursorWithoutEvents) {
    open();
    session().deliver({}, Sequence(7));
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0], wire::ServerFrame(wire::Events{{}, Sequence(7)}));
    session().deliver({}, Sequence(7));
    EXPECT_TRUE(sent().empty());
    ASSERT_TRUE(receive(wire::Ack{Sequence(7)}));
    EXPECT_TRUE(output<ServerSession::Acknowledged>());
}

TEST_F(ServerSessionTest, KeepsWhatASinkHasNoRoomFor) {
    open();
    for (const char* id : {"m1", "m2", "m3"}) {
        ASSERT_TRUE(receive(submission(id)));
        session().answer(accepted(id));
    }
    session().deliver(std::vector{event(1)}, Sequence(1));
    sink_.room = 2;
    EXPECT_EQ(sent(), (std::vector<wire::ServerFrame>{accepted("m1"), accepted("m2")}));
    sink_.room = 0;
    EXPECT_TRUE(sent().empty());
    sink_.room = 9;
    const auto rest = sent();
    ASSERT_EQ(rest.size(), 2u);
    EXPECT_EQ(rest[0], wire::ServerFrame(accepted("m3")));
}

// spec/wire.md, "A session", 8
TEST_F(ServerSessionTest, ReadsNothingMoreWithAFullWindow) {
    options_.limits.inflight_submissions = 2;
    open();
    ASSERT_TRUE(receive(submission("m1")));
    EXPECT_TRUE(session().wants_to_read());
    ASSERT_TRUE(receive(submission("m2")));
    EXPECT_FALSE(session().wants_to_read());
    // What was read already is still taken, in order.
    ASSERT_TRUE(receive(submission("m3")));
    session().answer(accepted("m1"));
    EXPECT_FALSE(session().wants_to_read());
    session().answer(accepted("m2"));
    EXPECT_TRUE(session().wants_to_read());
    EXPECT_EQ(output<ServerSession::Submitted>()->submit.message.message_id, MessageId("m1"));
    EXPECT_EQ(output<ServerSession::Submitted>()->submit.message.message_id, MessageId("m2"));
    EXPECT_EQ(output<ServerSession::Submitted>()->submit.message.message_id, MessageId("m3"));
}

// spec/wire.md, "A session", 8
TEST_F(ServerSessionTest, ReadsNothingMoreWithAWindowFullOfBytes) {
    options_.limits.inflight_bytes = 1000;
    open();
    ASSERT_TRUE(receive(submission("m1", 990)));
    EXPECT_FALSE(session().wants_to_read());
    session().answer(accepted("m1"));
    EXPECT_TRUE(session().wants_to_read());
}

TEST_F(ServerSessionTest, ReadsNothingWhileItsOwnerHoldsIt) {
    open();
    session().hold_reading(true);
    EXPECT_FALSE(session().wants_to_read());
    session().hold_reading(false);
    EXPECT_TRUE(session().wants_to_read());
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

class JsonServerSession : public ServerSessionTest {
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
