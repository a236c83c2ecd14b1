// Built in both flavours of the protobuf runtime: the SDK links the lite one.
#include "protocol/client_session.h"

#include "protocol/testing/frame_list.h"

#include <gtest/gtest.h>

#ifdef PARLEY_WIRE_LITE
#define SUITE ClientSessionLite
#else
#define SUITE ClientSessionFull
#endif

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{};

wire::Hello hello() {
    wire::Hello hello;
    hello.token = "t";
    hello.device_id = DeviceId("d1");
    hello.supports_messaging = true;
    return hello;
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

wire::Event event(std::uint64_t sequence) {
    return {Sequence(sequence), 0, wire::Delivered{}};
}

class SUITE : public ::testing::Test {
  protected:
    Result<void> receive(const wire::ServerFrame& frame) {
        return session_->receive(as_bytes(wire::encode(frame)), now_);
    }
    void open(const Limits& limits = {}) {
        EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{hello_});
        wire::Welcome welcome;
        welcome.limits = limits;
        welcome.cursor_accepted = hello_.cursor.has_value();
        ASSERT_TRUE(receive(welcome));
        ASSERT_TRUE(output<ClientSession::Welcomed>());
    }
    void start() { session_ = std::make_unique<ClientSession>(hello_, now_); }

    template <typename T>
    std::optional<T> output() {
        auto out = session_->next_output();
        if (!out || !std::holds_alternative<T>(*out)) {
            return std::nullopt;
        }
        return std::get<T>(std::move(*out));
    }
    bool quiet() { return !session_->next_output(); }

    std::vector<wire::ClientFrame> sent() {
        session_->transmit(sink_);
        std::vector<wire::ClientFrame> frames;
        for (const Bytes& bytes : sink_.take()) {
            frames.push_back(*wire::decode_client_frame(as_bytes(bytes)));
        }
        return frames;
    }

    void expect_violation(const wire::ServerFrame& frame) {
        EXPECT_FALSE(receive(frame));
        const auto ended = output<ClientSession::Ended>();
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->error.code, ErrorCode::protocol_violation);
        EXPECT_FALSE(ended->by_goodbye);
        EXPECT_TRUE(quiet());
    }

    wire::Hello hello_ = hello();
    Instant now_ = kStart;
    testing::FrameList sink_;
    std::unique_ptr<ClientSession> session_ = std::make_unique<ClientSession>(hello_, now_);
};

TEST_F(SUITE, SaysHelloFirstAndSubmitsAfterWelcome) {
    EXPECT_FALSE(session_->can_submit(1));
    open();
    EXPECT_TRUE(session_->can_submit(1));
    session_->submit(submission("m1"));
    session_->submit(submission("m2"));
    EXPECT_EQ(sent(), (std::vector<wire::ClientFrame>{submission("m1"), submission("m2")}));
    ASSERT_TRUE(receive(accepted("m1")));
    ASSERT_TRUE(receive(accepted("m2")));
    EXPECT_EQ(output<ClientSession::Answered>()->result, accepted("m1"));
    EXPECT_EQ(output<ClientSession::Answered>()->result, accepted("m2"));
}

TEST_F(SUITE, KeepsTheWindowOfSubmissions) {
    Limits limits;
    limits.inflight_submissions = 2;
    open(limits);
    session_->submit(submission("m1"));
    EXPECT_TRUE(session_->can_submit(10));
    session_->submit(submission("m2"));
    EXPECT_FALSE(session_->can_submit(10));
    ASSERT_TRUE(receive(accepted("m1")));
    EXPECT_TRUE(session_->can_submit(10));
}

TEST_F(SUITE, KeepsTheWindowOfBytesAndAlwaysAllowsOne) {
    Limits limits;
    limits.inflight_bytes = 1000;
    open(limits);
    EXPECT_TRUE(session_->can_submit(5000));
    session_->submit(submission("m1", 600));
    EXPECT_FALSE(session_->can_submit(500));
    EXPECT_TRUE(session_->can_submit(300));
    ASSERT_TRUE(receive(accepted("m1")));
    EXPECT_TRUE(session_->can_submit(5000));
}

// R6: an answer belongs to the oldest submission or to none.
TEST_F(SUITE, EndsWithAnswersOutOfOrder) {
    open();
    session_->submit(submission("m1"));
    session_->submit(submission("m2"));
    expect_violation(accepted("m2"));
}

TEST_F(SUITE, EndsWithAnAnswerToNothing) {
    open();
    expect_violation(accepted("m1"));
}

TEST_F(SUITE, EndsWithFramesBeforeWelcome) {
    expect_violation(wire::Events{});
}

TEST_F(SUITE, EndsWithASecondWelcome) {
    open();
    expect_violation(wire::Welcome{});
}

TEST_F(SUITE, EndsWithBytesThatAreNoFrame) {
    open();
    EXPECT_FALSE(session_->receive(as_bytes("\xff\xff"), now_));
    EXPECT_EQ(output<ClientSession::Ended>()->error.code, ErrorCode::protocol_violation);
    EXPECT_EQ(session_->deadline(), std::nullopt);
    EXPECT_TRUE(receive(wire::Welcome{}));  // dropped
    EXPECT_TRUE(quiet());
}

// spec/wire.md, "A session", 9
TEST_F(SUITE, IgnoresFramesAndEventsOfALaterVersion) {
    open();
    ASSERT_TRUE(session_->receive(as_bytes(std::string_view("\x32\x00", 2)), now_));
    EXPECT_TRUE(quiet());
    const wire::Events events{{{Sequence(4), 0, wire::UnknownEvent{}}}, Sequence(5)};
    ASSERT_TRUE(receive(events));
    EXPECT_EQ(output<ClientSession::Received>()->events, events);
}

TEST_F(SUITE, HandsOnEventsInOrder) {
    hello_.cursor = Cursor{Epoch("e"), Sequence(10)};
    start();
    open();
    ASSERT_TRUE(receive(wire::Events{{event(11), event(13)}, Sequence(13)}));
    ASSERT_TRUE(receive(wire::Events{{event(15)}, Sequence(0)}));
    ASSERT_TRUE(receive(wire::Events{{}, Sequence(20)}));
    EXPECT_EQ(output<ClientSession::Received>()->events.events.size(), 2u);
    EXPECT_EQ(output<ClientSession::Received>()->events.through, Sequence(15));
    EXPECT_EQ(output<ClientSession::Received>()->events.through, Sequence(20));
    expect_violation(wire::Events{{event(20)}, Sequence(20)});
}

TEST_F(SUITE, EndsWithSequencesOutOfRange) {
    open();
    expect_violation(wire::Events{{event(kSequenceEnd)}, Sequence(1)});
    start();
    open();
    expect_violation(wire::Events{{}, Sequence(kSequenceEnd)});
}

// R19: after a cursor that was not accepted the mailbox comes from its start.
TEST_F(SUITE, StartsOverWhereItsCursorIsVoid) {
    hello_.cursor = Cursor{Epoch("e"), Sequence(10)};
    start();
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(wire::Welcome{}));
    ASSERT_TRUE(output<ClientSession::Welcomed>());
    ASSERT_TRUE(receive(wire::Events{{event(2)}, Sequence(2)}));
    session_->acknowledge(Sequence(2));
    EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{wire::Ack{Sequence(2)}});
}

// spec/wire.md, "A session", 4
TEST_F(SUITE, SendsOneAckForManyAndNoneTwice) {
    open();
    ASSERT_TRUE(receive(wire::Events{{event(1), event(2), event(3)}, Sequence(5)}));
    session_->acknowledge(Sequence(1));
    session_->acknowledge(Sequence(3));
    session_->acknowledge(Sequence(2));
    EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{wire::Ack{Sequence(3)}});
    session_->acknowledge(Sequence(3));
    EXPECT_TRUE(sent().empty());
    // Never beyond what came in this session (R21).
    session_->acknowledge(Sequence(99));
    EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{wire::Ack{Sequence(5)}});
}

TEST_F(SUITE, KeepsWhatASinkHasNoRoomFor) {
    open();
    ASSERT_TRUE(receive(wire::Events{{event(1)}, Sequence(1)}));
    session_->acknowledge(Sequence(1));
    session_->submit(submission("m1"));
    session_->submit(submission("m2"));
    sink_.room = 0;
    EXPECT_TRUE(sent().empty());
    sink_.room = 2;
    EXPECT_EQ(sent(), (std::vector<wire::ClientFrame>{wire::Ack{Sequence(1)}, submission("m1")}));
    EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{submission("m2")});
}

TEST_F(SUITE, EndsWithTheServersGoodbye) {
    open();
    session_->submit(submission("m1"));
    ASSERT_TRUE(receive(accepted("m1")));
    const Error error = make_error(ErrorCode::draining, "going down");
    ASSERT_TRUE(receive(wire::Goodbye{error, 1500}));
    session_->closed(1001, "");
    EXPECT_TRUE(output<ClientSession::Answered>());
    const auto ended = output<ClientSession::Ended>();
    ASSERT_TRUE(ended);
    EXPECT_TRUE(ended->by_goodbye);
    EXPECT_EQ(ended->error, error);
    EXPECT_EQ(ended->reconnect_after, 1500ms);
    EXPECT_TRUE(quiet());
    session_->submit(submission("late"));
    EXPECT_FALSE(session_->can_submit(1));
    EXPECT_TRUE(sent().empty());
}

TEST_F(SUITE, BoundsTheWaitThatAServerAsksFor) {
    ASSERT_TRUE(receive(wire::Goodbye{make_error(ErrorCode::draining, "x"), INT64_MAX}));
    EXPECT_EQ(output<ClientSession::Ended>()->reconnect_after, 24h);
    start();
    ASSERT_TRUE(receive(wire::Goodbye{make_error(ErrorCode::draining, "x"), -5}));
    EXPECT_EQ(output<ClientSession::Ended>()->reconnect_after, 0ms);
}

TEST_F(SUITE, EndsWithItsConnection) {
    open();
    session_->closed(1009, "message too big");
    const auto ended = output<ClientSession::Ended>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->error.code, ErrorCode::connection_refused);
    EXPECT_TRUE(ended->error.retryable);
    EXPECT_EQ(ended->close_code, 1009);
    EXPECT_NE(ended->error.description.find("message too big"), std::string::npos);
}

TEST_F(SUITE, EndsWhenItsOwnerSaysSo) {
    open();
    session_->end();
    EXPECT_TRUE(output<ClientSession::Ended>());
    session_->end();
    EXPECT_TRUE(quiet());
}

// spec/wire.md, "A session", 7
TEST_F(SUITE, EndsAfterTwoIntervalsWithoutLife) {
    Limits limits;
    limits.ping_interval = 10s;
    open(limits);
    EXPECT_EQ(session_->deadline(), kStart + 20s);
    now_ += 15s;
    session_->alive(now_);
    now_ += 19s;
    session_->tick(now_);
    EXPECT_TRUE(quiet());
    now_ += 1s;
    EXPECT_EQ(session_->deadline(), now_);
    session_->tick(now_);
    const auto ended = output<ClientSession::Ended>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->error.code, ErrorCode::timed_out);
}

TEST_F(SUITE, EndsWithoutWelcomeInTimeHoweverAlive) {
    now_ += 59s;
    session_->alive(now_);
    session_->tick(now_);
    EXPECT_TRUE(quiet());
    now_ += 1s;
    session_->tick(now_);
    EXPECT_EQ(output<ClientSession::Ended>()->error.code, ErrorCode::timed_out);
}

TEST_F(SUITE, LooksForLifeAfterTheNetworkChanged) {
    open();
    session_->probe(now_);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(sink_.pings, 1);
    EXPECT_EQ(session_->deadline(), kStart + 5s);
    now_ += 4s;
    session_->alive(now_);
    session_->tick(kStart + 5s);
    EXPECT_TRUE(quiet());
    session_->probe(now_);
    now_ += 5s;
    session_->tick(now_);
    EXPECT_EQ(output<ClientSession::Ended>()->error.code, ErrorCode::timed_out);
}

TEST_F(SUITE, RefreshesItsToken) {
    open();
    session_->refresh("new");
    EXPECT_EQ(sent(), std::vector<wire::ClientFrame>{wire::Refresh{"new"}});
    ASSERT_TRUE(receive(wire::Refreshed{99}));
    EXPECT_EQ(output<ClientSession::Refreshed>()->session_ends_at_ms, 99);
}

}  // namespace
}  // namespace parley::protocol
