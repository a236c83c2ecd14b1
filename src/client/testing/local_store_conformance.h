#pragma once

#include "client/testing/local_store_conformance_chains.h"
#include "client/testing/local_store_fixture.h"

// What every client::LocalStore must do, whatever it is made of. An implementation's test includes
// this file and instantiates LocalStoreConformance with its worlds.
namespace parley::client {

// ---- identity and what is remembered

TEST_P(LocalStoreConformance, KeepsTheDeviceItGotFirst) {
    EXPECT_EQ(facts_.device, DeviceId("fresh"));
    EXPECT_FALSE(facts_.cursor);
    EXPECT_EQ(facts_.limits, Limits());
    store_.reset();
    store_ = world_->open();
    Binding again = binding();
    again.fresh_device = DeviceId("another");
    auto facts = store_->bind(again);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->device, DeviceId("fresh"));
}

TEST_P(LocalStoreConformance, BelongsToOneApplicationUserAndDevice) {
    for (int i = 0; i < 3; ++i) {
        Binding other = binding();
        if (i == 0) {
            other.application = ApplicationKey("other");
        } else if (i == 1) {
            other.user = UserId("bob");
        } else {
            other.device = DeviceId("tablet");
        }
        store_.reset();
        store_ = world_->open();
        auto facts = store_->bind(other);
        ASSERT_FALSE(facts);
        EXPECT_EQ(facts.error().code, ErrorCode::store_foreign);
    }
}

TEST_P(LocalStoreConformance, RemembersCursorLimitsAndClocks) {
    Limits limits;
    limits.text_bytes = 100;
    limits.retention = std::chrono::hours(48);
    ASSERT_TRUE(store_->welcomed(limits, clock(), true));
    now_ += 5000;
    Turn t = turn();
    t.cursor = Cursor{Epoch("e1"), Sequence(17)};
    commit(t);
    reopen();
    EXPECT_EQ(facts_.cursor, (Cursor{Epoch("e1"), Sequence(17)}));
    EXPECT_EQ(facts_.limits, limits);
    EXPECT_EQ(facts_.elapsed_ms, 6000);
    EXPECT_EQ(facts_.wall_ms, 6500);
    EXPECT_EQ(facts_.server_offset_ms, kServer);
}

TEST_P(LocalStoreConformance, ForgetsACursorThatIsVoid) {  // R19
    Turn t = turn();
    t.cursor = Cursor{Epoch("e1"), Sequence(17)};
    commit(t);
    ASSERT_TRUE(store_->welcomed(Limits(), clock(), false));
    reopen();
    EXPECT_FALSE(facts_.cursor);
}

// ---- the outbox

TEST_P(LocalStoreConformance, HandsOutEntriesInTheOrderOfSendOverRestarts) {  // R1, R6
    Turn t = turn();
    for (const char* id : {"c", "a", "b"}) {
        t.drafts.push_back({outgoing(id, {"bob", "carol"}), false, std::nullopt});
    }
    const TurnOutcome outcome = commit(t);
    ASSERT_EQ(outcome.drafts.size(), 3u);
    reopen();
    const auto found = entries();
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].message, outgoing("c", {"bob", "carol"}));
    EXPECT_EQ(found[1].message.id, MessageId("a"));
    EXPECT_EQ(found[2].message.id, MessageId("b"));
    EXPECT_EQ(found[0].open, (std::vector<UserId>{UserId("bob"), UserId("carol")}));
    EXPECT_EQ(found[0].order, outcome.drafts[0].order);
    EXPECT_EQ(found[0].queued_elapsed_ms, 1000);
    EXPECT_EQ(found[0].queued_wall_ms, 1500);
    EXPECT_FALSE(found[0].submitted_ms);
    auto later = store_->entries(found[0].order, 1, 1'000'000);
    ASSERT_TRUE(later);
    ASSERT_EQ(later->size(), 1u);
    EXPECT_EQ((*later)[0].message.id, MessageId("a"));
    EXPECT_EQ(store_->entries(Order(), 10, 1)->size(), 1u) << "one always fits the bytes";
}

TEST_P(LocalStoreConformance, NewEntriesComeAfterAllOldOnesAlsoAfterARestart) {  // R6
    enqueue(outgoing("m1", {"bob"}));
    reopen();
    enqueue(outgoing("m0", {"bob"}));
    const auto found = entries();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].message.id, MessageId("m1"));
}

TEST_P(LocalStoreConformance, TakesAMessageOnce) {  // R11
    enqueue(outgoing("m1", {"bob"}));
    const DraftOutcome again = enqueue(outgoing("m1", {"carol"}));
    ASSERT_TRUE(again.error);
    EXPECT_EQ(again.error->code, ErrorCode::message_stale);
    answer("m1", {accepted("bob", 5)});
    EXPECT_TRUE(enqueue(outgoing("m1", {"bob"})).error) << "in any state";
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, MarksTheFirstSubmissionOnly) {  // R9, R25
    const DraftOutcome draft = enqueue(outgoing("m1", {"bob"}));
    submitted(draft.order);
    now_ += 1000;
    submitted(draft.order);
    EXPECT_EQ(entries()[0].submitted_ms, kServer + 1000);
    EXPECT_EQ(entries()[0].chain_submitted_ms, kServer + 1000);
}

TEST_P(LocalStoreConformance, CancelsUntilFirstSubmitted) {  // R25
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}));
    submitted(first.order);
    EXPECT_FALSE(*store_->cancel(MessageId("m1"), clock()));
    EXPECT_TRUE(*store_->cancel(MessageId("m2"), clock()));
    EXPECT_FALSE(*store_->cancel(MessageId("m2"), clock()));
    EXPECT_FALSE(*store_->cancel(MessageId("unknown"), clock()));
    reopen();
    ASSERT_EQ(entries().size(), 1u);
    EXPECT_EQ(entries()[0].message.id, MessageId("m1"));
    EXPECT_TRUE(due().empty()) << "nothing is told to anyone";
}

TEST_P(LocalStoreConformance, FindsWhatIsOverByEitherClock) {  // R9, R10
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    now_ = 2000;
    enqueue(outgoing("m2", {"bob"}));
    submitted(first.order);
    EXPECT_EQ(*store_->oldest_entry(), std::optional<std::int64_t>(1000));
    EXPECT_TRUE(store_->expired({999, std::nullopt}, 10)->empty());
    EXPECT_EQ(*store_->expired({1000, std::nullopt}, 10),
              (std::vector<MessageId>{MessageId("m1")}));
    EXPECT_EQ(store_->expired({2000, std::nullopt}, 10)->size(), 2u);
    EXPECT_EQ(store_->expired({2000, std::nullopt}, 1)->size(), 1u);
    EXPECT_EQ(*store_->expired({0, kServer + 2000}, 10), (std::vector<MessageId>{MessageId("m1")}));
    Turn t = turn();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    t.failures.push_back({MessageId("m2"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    EXPECT_EQ(*store_->oldest_entry(), std::nullopt);
    EXPECT_EQ(told(), (Words{"failed m1 bob:1001", "failed m2 bob:1001"}));
}

// ---- answers and events

TEST_P(LocalStoreConformance, TellsSentOnceForAnswerAndEvent) {  // R2
    enqueue(outgoing("m1", {"bob", "carol"}));
    answer("m1", {accepted("bob", 7), accepted("carol", 8)});
    event(sent(outgoing("m1", {"bob", "carol"}), {{"bob", 7}, {"carol", 8}}));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m1>carol@8"}));
    EXPECT_TRUE(entries().empty());
    event(sent(outgoing("m1", {"bob", "carol"}), {{"bob", 7}}));
    EXPECT_TRUE(due().empty());
}

TEST_P(LocalStoreConformance, TakesTheEventForTheAnswer) {  // R2, R12
    enqueue(outgoing("m1", {"bob"}));
    Message bare = outgoing("m1", {"bob"});
    bare.text.clear();  // as the server may send it to the device that sent
    bare.headers.clear();
    event(sent(bare, {{"bob", 7}}));
    answer("m1", {accepted("bob", 7)});
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    const auto& told_message = std::get<SentDue>(callbacks[0].due).message;
    EXPECT_EQ(told_message.text, "text of m1") << "its own stored content";
    EXPECT_EQ(told_message.headers.size(), 1u);
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, FailsAllRecipientsOfOneMomentInOneCall) {  // R4
    enqueue(outgoing("m1", {"bob", "carol", "dave", "eve"}));
    answer("m1",
           {refused("bob", ErrorCode::recipient_unknown), accepted("carol", 7),
            refused("dave", ErrorCode::no_messaging), refused("eve", ErrorCode::server_error)});
    EXPECT_EQ(told(), (Words{"sent m1>carol@7", "failed m1 bob:2000 dave:2001"}));
    ASSERT_EQ(entries().size(), 1u);
    EXPECT_EQ(entries()[0].open, (std::vector<UserId>{UserId("eve")}))
        << "a passing fault leaves it open";
    answer("m1", {refused("eve", ErrorCode::over_quota)});
    EXPECT_EQ(told(), (Words{"failed m1 eve:4130"}));
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, KeepsTheFailuresErrorAndContent) {  // R4, R12
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {refused("bob", ErrorCode::recipient_unknown)});
    reopen();
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    const auto& failed = std::get<FailedDue>(callbacks[0].due);
    EXPECT_EQ(failed.message, outgoing("m1", {"bob"}));
    EXPECT_EQ(failed.failures[0].error, make_error(ErrorCode::recipient_unknown, "refused"));
}

TEST_P(LocalStoreConformance, FailsTheWholeMessageForItsOwnError) {  // R13, R14
    enqueue(outgoing("m1", {"bob", "carol"}));
    Turn t = turn();
    t.answers.push_back({MessageId("m1"), {}, make_error(ErrorCode::server_error, "later")});
    commit(t);
    EXPECT_EQ(entries().size(), 1u);
    t.answers[0].error = make_error(ErrorCode::invalid_argument, "too long");
    commit(t);
    EXPECT_EQ(told(), (Words{"failed m1 bob:4000 carol:4000"}));
}

TEST_P(LocalStoreConformance, DeliveredImpliesSentWhereTheMessageIs) {  // R5
    enqueue(outgoing("m1", {"bob"}));
    event(delivered("m1", "bob", 7));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
    EXPECT_EQ(entries().size(), 1u) << "R2: submitted until answered, for the other devices";
    answer("m1", {accepted("bob", 7)});
    EXPECT_TRUE(entries().empty());
    event(sent(outgoing("m1", {"bob"}), {{"bob", 7}}));
    event(delivered("m1", "bob", 7));
    EXPECT_TRUE(due().empty()) << "R8: each once";
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, WhatWasDeliveredNeverFails) {  // R2, R5, R10
    enqueue(outgoing("m1", {"bob", "carol"}));
    event(delivered("m1", "bob", 7));
    told();
    Turn t = turn();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    EXPECT_EQ(told(), (Words{"failed m1 carol:1001"}));
    EXPECT_TRUE(entries().empty());
    event(sent(outgoing("m1", {"bob", "carol"}), {{"bob", 7}, {"carol", 8}}));
    EXPECT_EQ(told(), (Words{"sent m1>carol@8"}));
}

TEST_P(LocalStoreConformance, DeliveredWaitsForSentOnOtherDevices) {  // R5
    event(delivered("k1", "bob"), kServer + 50);
    EXPECT_TRUE(due().empty());
    reopen();
    event(sent(outgoing("k1", {"bob", "carol"}), {{"bob", 7}, {"carol", 8}}));
    EXPECT_EQ(told(), (Words{"sent k1>bob@7", "delivered k1>bob", "sent k1>carol@8"}));
    event(delivered("k1", "bob"));
    event(delivered("k1", "carol"));
    EXPECT_EQ(told(), (Words{"delivered k1>carol"}));
}

TEST_P(LocalStoreConformance, OtherDevicesUseTheFirstIdStoredForThePair) {  // R12
    event(sent(outgoing("m1", {"bob", "carol"}, "m1"), {{"bob", 7}}));
    event(sent(outgoing("m2", {"bob", "carol"}, "m1"), {{"bob", 7}, {"carol", 9}}));
    event(delivered("m1", "bob"));
    event(delivered("m1", "carol"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m2>carol@9", "delivered m1>bob",
                             "delivered m2>carol"}));
}

TEST_P(LocalStoreConformance, KnowsIncomingBySenderAndKey) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("carol", "x1")});
    Message copy = from("bob", "x2");
    copy.key = ChainKey("x1");
    event(IncomingEvent{copy});
    reopen();
    event(IncomingEvent{from("bob", "x1")});
    EXPECT_EQ(told(), (Words{"incoming x1<bob", "incoming x1<carol"}));
}

TEST_P(LocalStoreConformance, HandsOutIncomingWithItsContentAndTime) {
    Message message = from("bob", "x1");
    message.recipients = {UserId("alice"), UserId("carol")};
    event(IncomingEvent{message}, 777);
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    message.accepted_at_ms = 777;
    EXPECT_EQ(std::get<IncomingDue>(callbacks[0].due).message, message);
}

TEST_P(LocalStoreConformance, OneTurnIsOneTransactionWithItsCursor) {  // R1, R8
    Turn t = turn();
    t.events.push_back({1, IncomingEvent{from("bob", "x1")}});
    t.events.push_back({2, SentEvent{sent(outgoing("k1", {"bob"}), {{"bob", 7}})}});
    t.cursor = Cursor{Epoch("e"), Sequence(9)};
    EXPECT_TRUE(commit(t).callbacks_added);
    EXPECT_FALSE(commit(t).callbacks_added) << "a repeated turn says nothing new";
    reopen();
    EXPECT_EQ(facts_.cursor->sequence, Sequence(9));
    EXPECT_EQ(told(), (Words{"incoming x1<bob", "sent k1>bob@7"}));
}

TEST_P(LocalStoreConformance, CallbacksComeAgainUntilTheyAreMarked) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("bob", "x2")});
    const auto before = due();
    ASSERT_EQ(before.size(), 2u);
    Turn t = turn();
    t.done = {before[0].id, before[0].id, CallbackId(999)};
    commit(t);
    reopen();
    const auto after = due();
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(after[0], before[1]);
    auto none = store_->callbacks(after[0].id, 10, 1000);
    EXPECT_TRUE(none->empty());
}

TEST_P(LocalStoreConformance, CountsWhatIsUnread) {
    EXPECT_EQ(store_->unread_bytes(), 0u);
    Message big = from("bob", "x1");
    big.text = std::string(10'000, 'x');
    event(IncomingEvent{big});
    EXPECT_GE(store_->unread_bytes(), 10'000u);
    const auto unread = store_->unread_bytes();
    reopen();
    EXPECT_EQ(store_->unread_bytes(), unread);
    told();
    EXPECT_EQ(store_->unread_bytes(), 0u);
}

}  // namespace parley::client
