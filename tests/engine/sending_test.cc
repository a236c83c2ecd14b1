#include "rig.h"

namespace parley::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Sending : public EngineRig {};

TEST_F(Sending, ReturnsWhenTheMessageIsOnDisk) {  // R1
    launch();
    disk_.drop_writes(false);
    send(draft("m1"));
    EXPECT_TRUE(returned_.empty()) << "never before the call returns";
    loop_.run_ready();
    EXPECT_EQ(returned_["m1"], 0);
    crash();
    launch();
    EXPECT_THAT(outbox(), ElementsAre("m1"));
}

TEST_F(Sending, TakesWhatATurnBringsInOneTransaction) {
    begin();
    const auto commits = store_->commits();
    const auto syncs = disk_.syncs();
    for (int i = 0; i < 50; ++i) {
        send(draft("m" + std::to_string(i)));
    }
    loop_.run_turn();
    EXPECT_EQ(store_->commits() - commits, 1u);
    EXPECT_EQ(disk_.syncs() - syncs, 1u);
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 50u) << "with the marks in the same transaction";
    EXPECT_EQ(store_->commits() - commits, 1u);
}

TEST_F(Sending, SubmitsInTheOrderOfSend) {  // R6
    launch();
    for (const char* id : {"c", "a", "b"}) {
        send_now(draft(id));
    }
    engine_->set_token("token");
    engine_->start();
    send(draft("d"));
    loop_.run_ready();
    send_now(draft("0"));
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("c", "a", "b", "d", "0"));
}

TEST_F(Sending, TellsSentOnceForAnswerAndEvent) {  // R2
    begin();
    send_now(draft("m1", {"bob", "carol"}));
    server_.answer();
    server_.sent("m1", "m1", {{"bob", 5}, {"carol", 5}});
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob", "sent m1>carol"));
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, SentCarriesTheServersTimeAndTheOwnContent) {  // R2
    begin();
    send_now(draft("m1"));
    server_.answer();
    loop_.run_ready();
    const auto callbacks = take();
    ASSERT_EQ(callbacks.size(), 1u);
    const auto& message = std::get<SentDue>(callbacks[0].due).message;
    EXPECT_EQ(message.accepted_at_ms, server_.now_ms());
    EXPECT_EQ(message.text, "text of m1");
    EXPECT_EQ(message.sender, UserId("alice"));
}

TEST_F(Sending, CollapsesRepeatedRecipients) {  // R13
    begin();
    send_now(draft("m1", {"bob", "carol", "bob"}));
    ASSERT_EQ(server_.last().submits.size(), 1u);
    EXPECT_THAT(server_.last().submits[0].message.recipient_ids,
                ElementsAre(UserId("bob"), UserId("carol")));
}

TEST_F(Sending, RefusesAtTheCallWhatItCanKnow) {  // R13
    begin();
    OutgoingDraft bad = draft("m1");
    bad.text = "\xff";
    send(bad);
    send(draft("m2", {}));
    send(draft("m3", {"with space"}));
    bad = draft("m4");
    bad.text = std::string(Limits().text_bytes + 1, 'x');
    send(bad);
    send(draft("not an id"));
    loop_.run_ready();
    for (const char* id : {"m1", "m2", "m3", "m4", "not an id"}) {
        EXPECT_EQ(returned_[id], 4000) << id;
    }
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, AMessageIsSentOnce) {  // R11
    begin();
    send(draft("m1"));
    loop_.run_ready();
    send(draft("m1"));
    loop_.run_ready();
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::message_stale));
    EXPECT_EQ(server_.last().submits.size(), 1u);
}

TEST_F(Sending, ChecksAgainWithTheLimitsOfEachWelcome) {  // R13
    launch();
    OutgoingDraft longer = draft("m1");
    longer.text = std::string(1000, 'x');
    send_now(longer);
    send_now(draft("m2"));
    server_.limits.text_bytes = 100;
    engine_->set_token("token");
    engine_->start();
    loop_.run_ready();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m2"));
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:4000"));
    restart();
    longer.id = MessageId("m3");
    send_now(longer);
    EXPECT_EQ(returned_["m3"], 4000) << "the limits last told are kept";
}

TEST_F(Sending, AFailureThatTheStoreDidNotTakeIsToldInTheSameSession) {  // R4, R13
    launch();
    OutgoingDraft longer = draft("m1");
    longer.text = std::string(1000, 'x');
    send_now(longer);
    server_.limits.text_bytes = 100;
    int refusals = 0;
    store_->before_commit(
        [&](const Turn& turn) { return turn.failures.empty() || ++refusals > 1; });
    engine_->set_token("token");
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(refusals, 1);
    EXPECT_THAT(heard(), ElementsAre());
    pass(std::chrono::seconds(3));
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:4000"));
    EXPECT_EQ(server_.sessions.size(), 1u);
}

TEST_F(Sending, FailuresOfOneAnswerAreToldInOneCall) {  // R4
    begin();
    send_now(draft("m1", {"bob", "carol", "dave"}));
    server_.answer_with({ScriptedServer::refused("bob", ErrorCode::recipient_unknown),
                         ScriptedServer::accepted(UserId("carol"), 5),
                         ScriptedServer::refused("dave", ErrorCode::no_messaging)});
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>carol", "failed m1 bob:2000 dave:2001"));
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, UnansweredComesFirstInTheNextSession) {  // R6, R9
    begin();
    for (const char* id : {"m1", "m2", "m3"}) {
        send(draft(id));
    }
    loop_.run_ready();
    server_.answer();
    loop_.run_ready();
    server_.cut();
    loop_.run_ready();
    send_now(draft("m4"));
    pass(2s);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m2", "m3", "m4"));
}

TEST_F(Sending, APartlyAnsweredEntryComesFirstWithItsOpenRecipientsOnly) {  // R14
    begin();
    send(draft("m1", {"bob", "carol"}));
    send(draft("m2"));
    loop_.run_ready();
    server_.answer_with({ScriptedServer::accepted(UserId("bob"), 5),
                         ScriptedServer::refused("carol", ErrorCode::server_error)});
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob")) << "a passing fault is not told";
    pass(3s);
    ASSERT_EQ(server_.sessions.size(), 2u);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1", "m2"));
    EXPECT_THAT(server_.last().submits[0].open_recipient_ids, ElementsAre(UserId("carol")));
    EXPECT_THAT(server_.last().submits[0].message.recipient_ids.size(), 2u);
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>carol"));
}

TEST_F(Sending, KeepsTheWindow) {
    server_.limits.inflight_submissions = 4;
    launch();
    for (int i = 0; i < 10; ++i) {
        send_now(draft("m" + std::to_string(i)));
    }
    engine_->set_token("token");
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 4u);
    send_now(draft("m10"));
    EXPECT_EQ(server_.last().submits.size(), 4u);
    for (int i = 0; i < 11; ++i) {
        ASSERT_GT(server_.unanswered(), 0u) << i;
        EXPECT_LE(server_.unanswered(), 4u);
        server_.answer();
        loop_.run_ready();
    }
    EXPECT_THAT(server_.submitted_ids(),
                ElementsAre("m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10"));
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, KeepsTheWindowInBytesAndAlwaysAllowsOne) {
    server_.limits.inflight_bytes = 3000;
    begin();
    OutgoingDraft big = draft("big");
    big.text = std::string(5000, 'x');
    send(big);
    for (int i = 0; i < 6; ++i) {
        OutgoingDraft next = draft("m" + std::to_string(i));
        next.text = std::string(1000, 'x');
        send(next);
    }
    loop_.run_ready();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("big"));
    for (int i = 0; i < 7; ++i) {
        ASSERT_GT(server_.unanswered(), 0u) << i;
        EXPECT_LE(server_.unanswered(), 2u);
        server_.answer();
        loop_.run_ready();
    }
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, AWindowOfNothingAllowsOne) {
    server_.limits.inflight_submissions = 0;
    server_.limits.inflight_bytes = 0;
    server_.auto_answer = true;
    begin();
    for (int i = 0; i < 5; ++i) {
        send(draft("m" + std::to_string(i)));
    }
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 5u);
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, WorksThroughALongOutbox) {
    launch();
    for (int i = 0; i < 3000; ++i) {
        send(draft("m" + std::to_string(i)));
    }
    loop_.run_ready();
    server_.auto_answer = true;
    engine_->set_token("token");
    const auto commits = store_->commits();
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 3000u);
    EXPECT_THAT(outbox(), IsEmpty());
    EXPECT_LT(store_->commits() - commits, 60u) << "a transaction per batch, not per message";
    EXPECT_EQ(heard().size(), 3000u);
}

TEST_F(Sending, ResubmitsALongOutboxThatWasUnderWay) {  // R6, R9
    server_.limits.inflight_submissions = 600;
    begin();
    for (int i = 0; i < 900; ++i) {
        send(draft("m" + std::to_string(i)));
    }
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 600u);
    server_.cut();
    pass(2s);
    ASSERT_EQ(server_.sessions.size(), 2u);
    EXPECT_GE(server_.last().submits.size(), 300u);
    server_.auto_answer = true;
    while (server_.unanswered() > 0) {
        server_.answer();
    }
    loop_.run_ready();
    EXPECT_EQ(server_.last().submits.size(), 900u);
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sending, CanBeCancelledUntilFirstSubmitted) {  // R25
    launch();
    send_now(draft("m1"));
    EXPECT_TRUE(engine_->cancel(MessageId("m1")));
    auto again = engine_->cancel(MessageId("m1"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::too_late);
    engine_->set_token("token");
    engine_->start();
    loop_.run_ready();
    send_now(draft("m2"));
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m2"));
    EXPECT_FALSE(engine_->cancel(MessageId("m2")));
    server_.cut();
    loop_.run_ready();
    EXPECT_FALSE(engine_->cancel(MessageId("m2"))) << "submitted once is too late for good";
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Sending, IsMarkedAsSubmittedBeforeTheFrameLeaves) {  // R25
    begin();
    bool marked = false;
    store_->before_commit([&](const Turn& turn) {
        marked = marked || (!turn.drafts.empty() && turn.drafts[0].submit_now);
        EXPECT_TRUE(server_.last().submits.empty());
        return true;
    });
    send_now(draft("m1"));
    EXPECT_TRUE(marked);
    EXPECT_EQ(server_.last().submits.size(), 1u);
}

TEST_F(Sending, MessagesToOneselfComeIn) {  // R16
    begin();
    send_now(draft("m1", {"alice"}));
    server_.incoming("alice", "m1");
    server_.sent("m1", "m1", {{"alice", 5}});
    server_.answer();
    server_.delivered("m1", "m1", "alice", 5);
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>alice", "incoming m1", "delivered m1>alice"));
}

TEST_F(Sending, NeedsMessagingEnabled) {  // R15
    options_.supports_messaging = false;
    begin();
    EXPECT_FALSE(server_.last().hello.supports_messaging);
    EXPECT_FALSE(server_.last().hello.cursor);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::wrong_state));
    EXPECT_TRUE(server_.last().submits.empty());
    EXPECT_TRUE(server_.last().acks.empty());
}

TEST_F(Sending, WhatWasQueuedWaitsWhileMessagingIsOff) {  // R15
    launch();
    send_now(draft("m1"));
    crash();
    options_.supports_messaging = false;
    begin();
    EXPECT_TRUE(server_.last().submits.empty());
    crash();
    options_.supports_messaging = true;
    begin();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Sending, AnAnswerOutOfOrderEndsTheSessionAndNothingElse) {
    begin();
    send(draft("m1"));
    send(draft("m2"));
    loop_.run_ready();
    wire::SubmitResult wrong;
    wrong.message_id = MessageId("m2");
    wrong.recipients = {ScriptedServer::accepted(UserId("bob"), 1)};
    server_.write_raw(wire::ServerFrame(wrong));
    pass(2s);
    EXPECT_EQ(server_.sessions.size(), 2u);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1", "m2"));
}

TEST_F(Sending, ListsTheOutbox) {
    options_.retry_window = 1h;
    launch();
    send_now(draft("m1", {"bob", "carol"}));
    loop_.advance(10min);
    auto entries = engine_->outbox(Order(), 10);
    ASSERT_TRUE(entries);
    ASSERT_EQ(entries->size(), 1u);
    const Entry& entry = (*entries)[0];
    EXPECT_EQ(entry.queued_wall_ms, io::ManualWallClock::kStartMs);
    EXPECT_EQ(engine_->time_left(entry), 50min);
    EXPECT_FALSE(entry.submitted_ms);
}

}  // namespace
}  // namespace parley::client
