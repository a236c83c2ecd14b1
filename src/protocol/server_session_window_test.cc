// What may be in flight, in both directions.
#include "protocol/testing/server_session_fixture.h"

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;
using testing::accepted;
using testing::event;
using testing::kStart;
using testing::submission;

class ServerSessionWindow : public testing::ServerSessionFixture {};

// spec/wire.md, "A session", 4
TEST_F(ServerSessionWindow, EndsWithAnAckBeyondWhatItSent) {
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(sent().size(), 1u);
    session().deliver(std::vector{event(3)}, Sequence(3));
    // Not written yet: not sent.
    EXPECT_FALSE(receive(wire::Ack{Sequence(3)}));
    expect_end(ErrorCode::protocol_violation, 1008);
}

TEST_F(ServerSessionWindow, TellsEachStepOfAcknowledgementOnce) {
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
TEST_F(ServerSessionWindow, ForgetsACursorThatWasNotAccepted) {
    open(true, Cursor{Epoch("e"), Sequence(10)}, false);
    session().deliver(std::vector{event(3)}, Sequence(3));
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(wire::Ack{Sequence(3)}));
    EXPECT_EQ(output<ServerSession::Acknowledged>()->sequence, Sequence(3));
    EXPECT_FALSE(receive(wire::Ack{Sequence(10)}));
}

// R20: windows are bounded in events.
TEST_F(ServerSessionWindow, KeepsTheWindowOfEvents) {
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
    EXPECT_EQ(session().room().ahead, 10u);  // five windows, less five events
    EXPECT_TRUE(sent().empty());
    ASSERT_TRUE(receive(wire::Ack{Sequence(1)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(4));
    ASSERT_TRUE(receive(wire::Ack{Sequence(4)}));
    EXPECT_EQ(std::get<wire::Events>(sent().at(0)).through, Sequence(9));
    EXPECT_EQ(session().room().events, 2u);
}

// R20: and in bytes; one is always allowed.
TEST_F(ServerSessionWindow, KeepsTheWindowOfBytes) {
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

TEST_F(ServerSessionWindow, AllowsOneEventWhateverTheLimits) {
    options_.limits.unacked_events = 0;
    options_.limits.unacked_bytes = 0;
    open();
    EXPECT_EQ(session().room().events, 1u);
    EXPECT_GE(session().room().bytes, 1u);
    session().deliver(std::vector{event(1)}, Sequence(1));
    EXPECT_EQ(session().room().events, 0u);
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(ServerSessionWindow, AnswersPassEventsThatWaitForTheWindow) {
    options_.limits.unacked_events = 1;
    open();
    session().deliver(std::vector{event(1), event(2)}, Sequence(2));
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(receive(submission("m1")));
    session().answer(accepted("m1"));
    EXPECT_EQ(sent(), std::vector<wire::ServerFrame>{accepted("m1")});
}

TEST_F(ServerSessionWindow, FillsFramesUpToTheirLimit) {
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

TEST_F(ServerSessionWindow, MovesTheCursorWithoutEvents) {
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

TEST_F(ServerSessionWindow, KeepsWhatASinkHasNoRoomFor) {
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
TEST_F(ServerSessionWindow, ReadsNothingMoreWithAFullWindow) {
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
TEST_F(ServerSessionWindow, ReadsNothingMoreWithAWindowFullOfBytes) {
    options_.limits.inflight_bytes = 1000;
    open();
    ASSERT_TRUE(receive(submission("m1", 990)));
    EXPECT_FALSE(session().wants_to_read());
    session().answer(accepted("m1"));
    EXPECT_TRUE(session().wants_to_read());
}

// R20: a peer that reads nothing must not fill the memory with its answers.
TEST_F(ServerSessionWindow, ReadsNothingMoreFromAPeerThatDoesNotReadItsAnswers) {
    options_.limits.frame_bytes = 2000;
    open();
    sink_.room = 0;
    int answered = 0;
    while (session().wants_to_read() && answered < 1000) {
        ASSERT_TRUE(receive(submission("m")));
        session().answer(accepted("m"));
        ++answered;
    }
    EXPECT_LT(answered, 100);
    ASSERT_TRUE(receive(wire::Refresh{"t"}));
    session().refreshed(0, Instant::max());
    EXPECT_FALSE(session().wants_to_read());
    sink_.room = SIZE_MAX;
    EXPECT_EQ(sent().size(), static_cast<std::size_t>(answered) + 1);
    EXPECT_TRUE(session().wants_to_read());
}

// Such a peer is alive as long as some of them can be written, and dead two intervals after that.
TEST_F(ServerSessionWindow, CountsTheReadingOfAnswersForLife) {
    options_.limits.frame_bytes = 100;
    open();
    sink_.room = 0;
    for (int i = 0; i < 8; ++i) {
        ASSERT_TRUE(receive(submission("m")));
        ASSERT_TRUE(output<ServerSession::Submitted>());
        session().answer(accepted("m"));
    }
    EXPECT_TRUE(sent().empty());
    for (int i = 0; i < 4; ++i) {
        now_ += options_.limits.ping_interval;
        session().tick(now_);
        sink_.room = 1;
        EXPECT_EQ(sent().size(), 1u);
        EXPECT_FALSE(session().wants_to_read());
    }
    sink_.room = 0;
    now_ += options_.limits.ping_interval;
    session().tick(now_);
    EXPECT_TRUE(sent().empty());
    EXPECT_TRUE(quiet());
    now_ += options_.limits.ping_interval;
    session().tick(now_);
    EXPECT_TRUE(output<ServerSession::Ended>());
}

TEST_F(ServerSessionWindow, ReadsNothingWhileItsOwnerHoldsIt) {
    open();
    session().hold_reading(true);
    EXPECT_FALSE(session().wants_to_read());
    session().hold_reading(false);
    EXPECT_TRUE(session().wants_to_read());
}

}  // namespace
}  // namespace parley::protocol
