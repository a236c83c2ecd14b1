#include "rig.h"

namespace parley::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Receiving : public EngineRig {};

TEST_F(Receiving, AcknowledgesOnlyWhatIsRecorded) {  // R1
    begin();
    store_->before_commit([&](const Turn& turn) {
        EXPECT_TRUE(turn.events.empty() || server_.last().acks.empty());
        return true;
    });
    server_.incoming("bob", "x1");
    server_.incoming("bob", "x2");
    loop_.run_ready();
    EXPECT_THAT(server_.last().acks, ElementsAre(Sequence(2))) << "one Ack for the turn";
    EXPECT_THAT(heard(), ElementsAre("incoming x1", "incoming x2"));
}

TEST_F(Receiving, SaysThatCallbacksAreDueAfterTheyAreDurable) {  // R1
    begin();
    due_said_ = 0;
    bool committed = false;
    store_->before_commit([&](const Turn&) {
        committed = true;
        EXPECT_EQ(due_said_, 0);
        return true;
    });
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_TRUE(committed);
    EXPECT_EQ(due_said_, 1);
}

TEST_F(Receiving, ComesBackWithItsCursor) {  // R7, R18
    begin();
    EXPECT_FALSE(server_.last().hello.cursor) << "a new device reads from the start";
    server_.incoming("bob", "x1");
    loop_.run_ready();
    restart();
    EXPECT_EQ(server_.last().hello.cursor, (Cursor{Epoch("e1"), Sequence(1)}));
}

TEST_F(Receiving, TheCursorMovesWithoutEvents) {
    begin();
    server_.move_cursor(50);
    loop_.run_ready();
    EXPECT_THAT(server_.last().acks, ElementsAre(Sequence(50)));
    restart();
    EXPECT_EQ(server_.last().hello.cursor->sequence, Sequence(50));
}

TEST_F(Receiving, HearsEachMessageOnce) {  // R8
    begin();
    server_.incoming("bob", "x1");
    server_.incoming("bob", "x1");
    server_.incoming("bob", "x2", "hi", "x1");
    server_.incoming("carol", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1", "incoming x1"));
    restart();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Receiving, ACallbackThatWasNotMarkedComesAgainWithTheSameIds) {  // R8
    begin();
    server_.incoming("bob", "x1");
    server_.incoming("bob", "x2");
    loop_.run_ready();
    const auto before = take();
    ASSERT_EQ(before.size(), 2u);
    EXPECT_THAT(take(), IsEmpty()) << "given once in a run";
    engine_->callback_done(before[0].id);
    loop_.advance(30ms);
    restart();
    const auto after = take();
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(after[0], before[1]);
}

TEST_F(Receiving, WhatIsDueIsSaidAtTheNextStart) {  // R8
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    crash();
    due_said_ = 0;
    launch();
    loop_.run_ready();
    EXPECT_EQ(due_said_, 1);
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
}

TEST_F(Receiving, MarksAreCommittedInBatches) {  // R8
    begin();
    for (int i = 0; i < 50; ++i) {
        server_.incoming("bob", "x" + std::to_string(i));
    }
    loop_.run_ready();
    const auto commits = store_->commits();
    for (const Callback& callback : take()) {
        engine_->callback_done(callback.id);
        loop_.run_ready();
    }
    EXPECT_EQ(store_->commits(), commits);
    loop_.advance(30ms);
    EXPECT_EQ(store_->commits(), commits + 1);
}

TEST_F(Receiving, MarksAreNotSyncedOneByOneButWithinSeconds) {  // R8
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    const auto before = disk_.syncs();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
    EXPECT_EQ(disk_.syncs(), before);
    loop_.advance(9s);
    EXPECT_EQ(disk_.syncs(), before);
    loop_.advance(1s);
    EXPECT_EQ(disk_.syncs(), before + 1);
    loop_.advance(30s);
    EXPECT_EQ(disk_.syncs(), before + 1);
    lose_power();
    begin();
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Receiving, ALossOfPowerWithinSecondsOfACallbackBringsItAgain) {  // R8: the one exception
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
    lose_power();
    begin();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
}

TEST_F(Receiving, WhenAStopIsSaidTheMarksAreDurable) {  // R8
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
    engine_->stop(Stop::now);
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::stopped);
    lose_power();
    begin();
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Receiving, StopWritesTheMarks) {  // R8
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    engine_->callback_done(take()[0].id);
    engine_->stop(Stop::now);
    loop_.run_ready();
    restart();
    EXPECT_THAT(take(), IsEmpty());
}

TEST_F(Receiving, AnotherEpochIsReadFromTheStartAndTheSeenIsDropped) {  // R19
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
    server_.head = Cursor{Epoch("e2"), Sequence(0)};
    restart();
    EXPECT_EQ(server_.last().hello.cursor->epoch, Epoch("e1"));
    restart();
    EXPECT_FALSE(server_.last().hello.cursor) << "a void cursor is forgotten at once";
    server_.incoming("bob", "x1");
    server_.incoming("bob", "x2");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x2"));
    restart();
    EXPECT_EQ(server_.last().hello.cursor->epoch, Epoch("e2"));
}

TEST_F(Receiving, SentOnAnotherDeviceIsToldHere) {  // R2
    begin();
    server_.sent("k1", "k1", {{"bob", 5}, {"carol", 6}}, "from my phone");
    server_.delivered("k1", "k1", "bob", 5);
    loop_.run_ready();
    const auto callbacks = take();
    ASSERT_EQ(callbacks.size(), 3u);
    const auto& sent = std::get<SentDue>(callbacks[0].due);
    EXPECT_EQ(sent.message.text, "from my phone");
    EXPECT_EQ(sent.message.accepted_at_ms, 5);
    EXPECT_EQ(say(callbacks[1]), "sent k1>carol");
    EXPECT_EQ(say(callbacks[2]), "delivered k1>bob");
}

TEST_F(Receiving, DeliveredBeforeSentWaitsWithTheCursorMovedOn) {  // R5
    begin();
    server_.delivered("k1", "k1", "bob", 5);
    loop_.run_ready();
    EXPECT_THAT(server_.last().acks, ElementsAre(Sequence(1)));
    EXPECT_THAT(heard(), IsEmpty());
    restart();
    server_.sent("k1", "k1", {{"bob", 5}});
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent k1>bob", "delivered k1>bob"));
}

TEST_F(Receiving, DeliveredImpliesSentForTheOutbox) {  // R3, R5
    begin();
    send_now(draft("m1"));
    server_.delivered("m1", "m1", "bob", 1234);
    loop_.run_ready();
    const auto callbacks = take();
    ASSERT_EQ(callbacks.size(), 2u);
    EXPECT_EQ(std::get<SentDue>(callbacks[0].due).message.accepted_at_ms, 1234);
    EXPECT_EQ(say(callbacks[1]), "delivered m1>bob");
    for (const Callback& callback : callbacks) {
        engine_->callback_done(callback.id);
    }
    loop_.advance(30ms);
    restart();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"))
        << "R2: only an answer shows that the sender's other devices will hear of it";
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Receiving, AnUnreadInboxStopsRecordingAndSaysSo) {
    options_.inbox_bytes = 5000;
    begin();
    events();
    for (int i = 0; i < 10; ++i) {
        server_.incoming("bob", "x" + std::to_string(i), std::string(1000, 'x'));
        loop_.run_ready();
    }
    EXPECT_THAT(events(), ElementsAre("inbox full"));
    const auto acked = server_.last().acks.back();
    EXPECT_LT(acked, Sequence(10));
    send_now(draft("m1"));
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(outbox(), IsEmpty()) << "sending goes on";
    for (int i = 0; i < 3; ++i) {
        heard();
    }
    EXPECT_THAT(events(), ElementsAre("inbox has room"));
    EXPECT_EQ(server_.last().acks.back(), Sequence(10));
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Receiving, AFullInboxIsReadAgainAfterARestart) {  // R7
    options_.inbox_bytes = 3000;
    begin();
    for (int i = 0; i < 5; ++i) {
        server_.incoming("bob", "x" + std::to_string(i), std::string(1000, 'x'));
        loop_.run_ready();
    }
    const auto acked = server_.last().acks.back();
    restart();
    EXPECT_EQ(server_.last().hello.cursor->sequence, acked);
    EXPECT_EQ(heard().size(), acked.value());
}

TEST_F(Receiving, IgnoresEventsOfAKindItDoesNotKnow) {
    begin();
    server_.write_raw(wire::ServerFrame(wire::UnknownFrame{}));
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
}

TEST_F(Receiving, EventsOutOfOrderEndTheSession) {
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    wire::Events events_again;
    wire::Event event;
    event.sequence = Sequence(1);
    event.kind = wire::Incoming{};
    events_again.events.push_back(event);
    server_.write_raw(wire::ServerFrame(events_again));
    loop_.run_ready();
    EXPECT_EQ(last_error_.code, ErrorCode::protocol_violation);
    pass(2s);
    EXPECT_EQ(server_.sessions.size(), 2u);
}

TEST_F(Receiving, ForgetsByTheServersClockAfterTheRetention) {  // R8
    server_.limits.retention = 1h;
    begin();
    send_now(draft("m1"));
    server_.answer();
    server_.delivered("m1", "m1", "bob", 5);
    loop_.run_ready();
    heard();
    EXPECT_EQ(engine_->copy_key(MessageId("m1")).value(), std::nullopt);
    pass(50min);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::message_stale)) << "still known";
    pass(40min);
    server_.incoming("bob", "soon");
    pass(65min);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::message_stale))
        << "the server's clock may go back with its store (R19)";
    pass(2h);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::message_stale))
        << "the server's clock may have stood still (R17)";
    server_.incoming("bob", "later");
    pass(2h);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], 0) << "forgotten";
}

}  // namespace
}  // namespace parley::client
