#pragma once

#include "client/testing/local_store_fixture.h"

// The part of the conformance suite about copies (R11, R12) and forgetting (R8); included by
// local_store_conformance.h.
namespace parley::client {

// ---- chains of copies

TEST_P(LocalStoreConformance, AWrongKeyIsNotInherited) {  // R11
    EXPECT_EQ(enqueue(outgoing("m2", {"bob"}, "never-seen")).key, ChainKey("m2"));
}

TEST_P(LocalStoreConformance, SaysWhatDecidesAboutACopy) {  // R11
    const DraftOutcome draft = enqueue(outgoing("m1", {"bob", "carol"}));
    EXPECT_EQ(copy_facts("m1").key, ChainKey("m1"));
    EXPECT_FALSE(copy_facts("m1").all_accepted);
    EXPECT_FALSE(copy_facts("m1").chain_submitted_ms);
    submitted(draft.order);
    answer("m1", {accepted("bob", 7), refused("carol", ErrorCode::recipient_unknown)});
    EXPECT_FALSE(copy_facts("m1").all_accepted);
    EXPECT_EQ(copy_facts("m1").chain_submitted_ms, kServer + 1000);
    event(sent(outgoing("m1", {"bob", "carol"}), {{"carol", 9}}));
    EXPECT_TRUE(copy_facts("m1").all_accepted);
    EXPECT_FALSE(*store_->copy_facts(MessageId("unknown")));
}

TEST_P(LocalStoreConformance, ACopyHearsAtOnceWhatIsKnownAndSubmitsTheRest) {  // R11, R12
    const DraftOutcome first = enqueue(outgoing("m1", {"bob", "carol", "dave"}));
    submitted(first.order);
    now_ += 500;
    answer("m1", {accepted("bob", 7), accepted("carol", 8),
                  refused("dave", ErrorCode::recipient_unknown)});
    event(delivered("m1", "bob"));
    told();
    const DraftOutcome copy = enqueue(outgoing("m2", {"bob", "carol", "dave"}, "m1"));
    EXPECT_EQ(copy.key, ChainKey("m1"));
    EXPECT_EQ(copy.open, (std::vector<UserId>{UserId("dave")}));
    EXPECT_EQ(told(), (Words{"sent m2>bob@7", "delivered m2>bob", "sent m2>carol@8"}));
    EXPECT_EQ(entries()[0].chain_submitted_ms, kServer + 1000) << "the chain's first submission";
    event(delivered("m1", "carol"));
    EXPECT_EQ(told(), (Words{"delivered m1>carol", "delivered m2>carol"}))
        << "every id of the chain";
}

TEST_P(LocalStoreConformance, ACopyOfWhatIsAcceptedForAllLeavesNothingToSubmit) {  // R12
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    submitted(first.order);
    now_ += 1;
    Turn t = turn();  // the copy was made before the answer came
    t.drafts.push_back({outgoing("m2", {"bob"}, "m1"), false, std::nullopt});
    commit(t);
    answer("m1", {accepted("bob", 7)});
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m2>bob@7"}));
    EXPECT_TRUE(entries().empty());
    EXPECT_TRUE(enqueue(outgoing("m3", {"bob"}, "m1")).open.empty());
    EXPECT_EQ(told(), (Words{"sent m3>bob@7"}));
}

TEST_P(LocalStoreConformance, AChainThatIsTooOldIsNotInherited) {  // R11
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    submitted(first.order);
    EXPECT_EQ(enqueue(outgoing("m2", {"bob"}, "m1"), kServer + 999).key, ChainKey("m1"));
    EXPECT_EQ(enqueue(outgoing("m3", {"bob"}, "m1"), kServer + 1000).key, ChainKey("m3"));
}

TEST_P(LocalStoreConformance, TheTruthIsToldAfterAFailure) {  // R12
    enqueue(outgoing("m1", {"bob"}));
    Turn t = turn();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    EXPECT_EQ(told(), (Words{"failed m1 bob:1001"}));
    event(sent(outgoing("m1", {"bob"}), {{"bob", 7}}));
    event(delivered("m1", "bob"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
    commit(t);
    EXPECT_TRUE(due().empty()) << "R4: failed in exactly one call";
}

TEST_P(LocalStoreConformance, ACancelledCopyHearsNothingOfItsChain) {  // R25
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}, "m1"));
    submitted(first.order);
    EXPECT_TRUE(*store_->cancel(MessageId("m2"), clock()));
    answer("m1", {accepted("bob", 7)});
    event(delivered("m1", "bob"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
}

// ---- forgetting

TEST_P(LocalStoreConformance, ForgetsWhatIsOlderThanTheRetention) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {accepted("bob", 7)});
    event(delivered("m1", "bob"));
    told();
    PruneLimit limit{kServer + 1000 + 30 * kDay - 1, 30 * kDay, 100};
    ASSERT_TRUE(store_->prune(limit));
    event(IncomingEvent{from("bob", "x1")}, kServer + 1000);
    EXPECT_TRUE(due().empty()) << "remembered for the retention";
    EXPECT_TRUE(*store_->copy_facts(MessageId("m1")));
    limit.server_ms += 1;
    ASSERT_TRUE(store_->prune(limit));
    EXPECT_FALSE(*store_->copy_facts(MessageId("m1")));
    event(IncomingEvent{from("bob", "x1")});
    EXPECT_EQ(told(), (Words{"incoming x1<bob"}));
}

TEST_P(LocalStoreConformance, RemembersWhatMayStillBeDeliveredTwiceAsLong) {  // R3, R7
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {accepted("bob", 7)});
    event(sent(outgoing("k1", {"bob"}), {{"bob", 7}}));
    told();
    ASSERT_TRUE(store_->prune({kServer + 1000 + 59 * kDay, 30 * kDay, 100}));
    event(delivered("m1", "bob"));
    event(delivered("k1", "bob"));
    EXPECT_EQ(told(), (Words{"delivered m1>bob", "delivered k1>bob"}));
}

TEST_P(LocalStoreConformance, ForgetsInSmallSteps) {
    for (int i = 0; i < 25; ++i) {
        event(IncomingEvent{from("bob", "x" + std::to_string(i))});
    }
    const PruneLimit limit{kServer + 40 * kDay, 30 * kDay, 10};
    EXPECT_TRUE(*store_->prune(limit));
    EXPECT_TRUE(*store_->prune(limit));
    EXPECT_FALSE(*store_->prune(limit));
}

TEST_P(LocalStoreConformance, NeverForgetsWhatWaitsOrIsDue) {  // R9, R8
    enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}));
    answer("m2", {refused("bob", ErrorCode::recipient_unknown)});
    ASSERT_TRUE(store_->prune({kServer + 100 * kDay, 30 * kDay, 100}));
    EXPECT_EQ(entries().size(), 1u);
    EXPECT_EQ(told(), (Words{"failed m2 bob:2000"}));
}

TEST_P(LocalStoreConformance, DropsADeliveredWhoseSentNeverCame) {  // R5
    event(delivered("k1", "bob"));
    ASSERT_TRUE(store_->prune({kServer + 1000 + 30 * kDay, 30 * kDay, 100}));
    event(sent(outgoing("k1", {"bob"}), {{"bob", 7}}));
    EXPECT_EQ(told(), (Words{"sent k1>bob@7"}));
}

TEST_P(LocalStoreConformance, KeepsWhatEndedBeforeAnyServerForTheRetentionFromTheFirst) {  // R12
    Turn t = turn();
    t.clock.server_ms.reset();
    t.drafts.push_back({outgoing("m1", {"bob"}), false, std::nullopt});
    commit(t);
    t.drafts.clear();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    told();
    ASSERT_TRUE(store_->prune({kServer + 100 * kDay, 30 * kDay, 100}));
    EXPECT_TRUE(*store_->copy_facts(MessageId("m1")));
    ASSERT_TRUE(store_->welcomed(Limits(), clock(), true));
    ASSERT_TRUE(store_->prune({kServer + 1000 + 30 * kDay, 30 * kDay, 100}));
    EXPECT_FALSE(*store_->copy_facts(MessageId("m1")));
}

TEST_P(LocalStoreConformance, IsANewStoreAfterErase) {
    enqueue(outgoing("m1", {"bob"}));
    ASSERT_TRUE(store_->erase());
    EXPECT_FALSE(store_->entries(Order(), 1, 1)) << "every later call fails";
    EXPECT_FALSE(store_->commit(turn()));
    store_.reset();
    store_ = world_->open();
    Binding other = binding();
    other.user = UserId("bob");
    auto facts = store_->bind(other);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(entries().empty());
}

}  // namespace parley::client
