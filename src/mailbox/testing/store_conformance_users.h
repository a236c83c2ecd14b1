#pragma once

#include "mailbox/testing/store_conformance_fixture.h"

// The part of the conformance suite about who there is: users, devices, quotas, and what operators
// do; included by store_conformance.h.
namespace parley::mailbox {

// ---- who can receive

// R13
TEST_P(StoreConformance, RefusesWhoIsUnknownOrWithoutMessaging) {
    call_->enroll("bob", "phone", false);
    const auto answers = call_->append(
        {incoming("nobody", "k"), incoming("bob", "k"), sent("nobody", "k"), sent("bob", "s")});
    EXPECT_EQ(answers[0].outcome, Outcome::no_user);
    EXPECT_EQ(answers[1].outcome, Outcome::no_messaging);
    EXPECT_EQ(answers[2].outcome, Outcome::no_user);
    EXPECT_EQ(answers[3].outcome, Outcome::stored);
    EXPECT_FALSE(call_->user("nobody").exists);
    // A refusal stored nothing: the key is still free.
    call_->enroll("bob", "phone", true);
    EXPECT_EQ(call_->append(incoming("bob", "k")).outcome, Outcome::stored);
}

// R15
TEST_P(StoreConformance, KeepsMessagingEnabledOnceItWas) {
    EXPECT_TRUE(call_->enroll("bob", "phone", true).changed);
    EXPECT_FALSE(call_->enroll("bob", "phone", false).changed);
    EXPECT_FALSE(call_->enroll("bob", "phone", true).changed);
    EXPECT_TRUE(call_->user("bob").messaging);
    world_->restart();
    EXPECT_TRUE(call_->user("bob").exists);
    EXPECT_TRUE(call_->user("bob").messaging);
    EXPECT_EQ(call_->append(incoming("bob", "k")).outcome, Outcome::stored);
}

TEST_P(StoreConformance, MakesAMailboxForAnAppendThatNeedsNothing) {
    const Append one{mailbox_of("later"), key_of("k"), Needs::nothing, shared("held"), nullptr};
    EXPECT_EQ(call_->append(one).outcome, Outcome::stored);
    EXPECT_FALSE(call_->user("later").exists);
    call_->enroll("later", "phone");
    EXPECT_EQ(call_->contents("later"), Strings{"held"});
}

// R13
TEST_P(StoreConformance, HoldsMessagesForUnknownUsersIfToldTo) {
    open({.hold_for_unknown = true});
    EXPECT_EQ(call_->append(incoming("later", "k1", "one")).outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("later", "k2", "two")).outcome, Outcome::stored);
    EXPECT_FALSE(call_->user("later").exists);
    call_->enroll("known", "phone", false);
    EXPECT_EQ(call_->append(incoming("known", "k")).outcome, Outcome::no_messaging);
    world_->restart();
    EXPECT_EQ(call_->append(incoming("later", "k3", "three")).outcome, Outcome::stored);
    call_->enroll("later", "phone");
    EXPECT_EQ(call_->contents("later"), (Strings{"one", "two", "three"}));
}

TEST_P(StoreConformance, RefusesMessagesForADisabledUserButKeepsTheirReceipts) {
    enroll_alice_and_bob();
    EXPECT_TRUE(call_->set_disabled("bob", true));
    EXPECT_TRUE(call_->user("bob").disabled);
    EXPECT_EQ(call_->append(incoming("bob", "k")).outcome, Outcome::disabled);
    EXPECT_EQ(call_->append(sent("bob", "s")).outcome, Outcome::stored);
    EXPECT_TRUE(call_->enroll("bob", "tablet").disabled);
    EXPECT_EQ(call_->devices("bob"), Strings{"phone"});
    EXPECT_TRUE(call_->set_disabled("bob", false));
    EXPECT_EQ(call_->append(incoming("bob", "k")).outcome, Outcome::stored);
}

// ---- devices

// R24
TEST_P(StoreConformance, ForgetsTheLongestAbsentDeviceWithoutASession) {
    open({.devices = 3});
    for (const char* device : {"a", "b", "c"}) {
        EXPECT_TRUE(call_->enroll("bob", device).changed);
        world_->advance(1min);
    }
    call_->enroll("bob", "a");
    world_->advance(1min);
    EXPECT_EQ(call_->enroll("bob", "d").forgotten_device, DeviceId("b"));
    EXPECT_EQ(call_->devices("bob"), (Strings{"a", "c", "d"}));
    world_->advance(1min);
    const auto next = call_->enroll("bob", "e", true, {DeviceId("c"), DeviceId("a")});
    EXPECT_EQ(next.forgotten_device, DeviceId("d"));
}

// R24
TEST_P(StoreConformance, EnrollsNobodyWhenAllDevicesHaveSessions) {
    open({.devices = 2});
    call_->enroll("bob", "a");
    call_->enroll("bob", "b");
    const auto third = call_->enroll("bob", "c", true, {DeviceId("a"), DeviceId("b")});
    EXPECT_TRUE(third.full);
    EXPECT_FALSE(third.changed);
    EXPECT_EQ(call_->devices("bob"), (Strings{"a", "b"}));
    // One that is known needs no room.
    EXPECT_FALSE(call_->enroll("bob", "a", true, {DeviceId("a"), DeviceId("b")}).full);
}

TEST_P(StoreConformance, ForgetsADeviceOnRequest) {
    call_->enroll("bob", "a");
    call_->enroll("bob", "b");
    EXPECT_TRUE(call_->forget_device("bob", "a"));
    EXPECT_FALSE(call_->forget_device("bob", "a"));
    EXPECT_FALSE(call_->forget_device("nobody", "a"));
    EXPECT_EQ(call_->devices("bob"), Strings{"b"});
    EXPECT_TRUE(call_->user("bob").exists);
}

TEST_P(StoreConformance, EnrollsSeveralDevicesOfAUserAtOnce) {
    open({.devices = 2});
    int answered = 0;
    for (const char* device : {"a", "b", "c", "d"}) {
        door().enroll(mailbox_of("bob"), DeviceId(device), true, {},
                      [&](Result<Enrolled> enrolled) {
                          EXPECT_TRUE(enrolled.has_value());
                          ++answered;
                      });
    }
    ASSERT_TRUE(world_->run_until([&] { return answered == 4; }));
    EXPECT_EQ(call_->devices("bob").size(), 2u);
}

// ---- quotas

// R13
TEST_P(StoreConformance, RefusesIncomingOverThePendingQuotaUntilTheMarkMoves) {
    open({.quota_pending_bytes = 1000});
    enroll_alice_and_bob();
    const SharedBytes body = shared(std::string(390, 'b'));
    const Appended one = call_->append(incoming("bob", "1", "0123456789", body));
    const Appended two = call_->append(incoming("bob", "2", "0123456789", body));
    EXPECT_EQ(two.outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("bob", "3", "0123456789", body)).outcome, Outcome::over_quota);
    EXPECT_EQ(call_->append(incoming("bob", "4", std::string(200, 'x'))).outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("bob", "5", "x")).outcome, Outcome::over_quota);
    EXPECT_EQ(call_->append(sent("bob", "s", std::string(5000, 's'))).outcome, Outcome::stored);
    // What was accepted is answered so, quota or not.
    EXPECT_EQ(call_->append(incoming("bob", "1")).outcome, Outcome::duplicate);
    world_->restart();
    EXPECT_EQ(call_->append(incoming("bob", "6", "x")).outcome, Outcome::over_quota);
    EXPECT_TRUE(call_->mark("bob", one.sequence));
    EXPECT_EQ(call_->append(incoming("bob", "7", "0123456789", body)).outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("bob", "8", "x")).outcome, Outcome::over_quota);
}

TEST_P(StoreConformance, RefusesIncomingOverTheRetainedQuotaUntilEventsExpire) {
    open({.retention = 1h, .retry_window = 10min, .quota_retained_bytes = 1000});
    enroll_alice_and_bob();
    EXPECT_EQ(call_->append(sent("bob", "s", std::string(600, 's'))).outcome, Outcome::stored);
    world_->advance(30min);
    EXPECT_EQ(call_->append(incoming("bob", "1", std::string(300, 'x'))).outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("bob", "2", std::string(300, 'x'))).outcome,
              Outcome::over_quota);
    EXPECT_EQ(call_->append(sent("bob", "t", std::string(300, 's'))).outcome, Outcome::stored);
    world_->advance(45min);
    EXPECT_EQ(call_->append(incoming("bob", "3", std::string(300, 'x'))).outcome, Outcome::stored);
    EXPECT_EQ(call_->append(incoming("bob", "4", std::string(300, 'x'))).outcome,
              Outcome::over_quota);
}

TEST_P(StoreConformance, CountsQuotasWithinOneCall) {
    open({.quota_pending_bytes = 100});
    enroll_alice_and_bob();
    const auto answers = call_->append({incoming("bob", "1", std::string(60, 'x')),
                                        incoming("bob", "2", std::string(60, 'x')),
                                        incoming("bob", "3", std::string(40, 'x'))});
    EXPECT_EQ(answers[0].outcome, Outcome::stored);
    EXPECT_EQ(answers[1].outcome, Outcome::over_quota);
    EXPECT_EQ(answers[2].outcome, Outcome::stored);
}

// ---- operators

// R19
TEST_P(StoreConformance, ErasesAUserAndVoidsTheirCursors) {
    enroll_alice_and_bob();
    const Appended before = call_->append(incoming("bob", "k", "secret"));
    EXPECT_TRUE(call_->erase("bob"));
    EXPECT_FALSE(call_->user("bob").exists);
    EXPECT_TRUE(call_->contents("bob").empty());
    EXPECT_TRUE(call_->devices("bob").empty());
    EXPECT_EQ(call_->append(incoming("bob", "k2")).outcome, Outcome::no_user);
    EXPECT_FALSE(call_->erase("bob"));
    EXPECT_FALSE(call_->erase("nobody"));
    world_->restart();
    EXPECT_TRUE(call_->read("bob", cursor_at(door(), before.sequence)).reset);
    call_->enroll("bob", "phone");
    const Appended after = call_->append(incoming("bob", "k", "new"));
    EXPECT_EQ(after.outcome, Outcome::stored);
    EXPECT_GT(after.sequence, before.sequence);
    EXPECT_TRUE(call_->read("bob", cursor_at(door(), before.sequence)).reset);
    EXPECT_FALSE(call_->read("bob", cursor_at(door(), after.sequence)).reset);
    EXPECT_GT(call_->head("bob").floor, before.sequence);
    EXPECT_EQ(call_->contents("bob"), Strings{"new"});
}

TEST_P(StoreConformance, ListsTheUsersOfAnApplicationInPages) {
    for (const char* user : {"dora", "bob", "alice", "carl"}) {
        call_->enroll(user, "phone");
    }
    (void)call_->wait<Result<Enrolled>>([&](auto done) {
        door().enroll({ApplicationKey("application"), UserId("other")}, DeviceId("d"), true, {},
                      std::move(done));
    });
    call_->erase("carl");
    EXPECT_EQ(call_->list(), (Strings{"alice", "bob", "dora"}));
    EXPECT_EQ(call_->list("", 2), (Strings{"alice", "bob"}));
    EXPECT_EQ(call_->list("bob", 2), Strings{"dora"});
    EXPECT_EQ(call_->list("b", 1), Strings{"bob"});
    // A ban and messages that wait are kept too, and an operator must find them.
    call_->set_disabled("carl", true);
    const Append held{mailbox_of("early"), key_of("k"), Needs::nothing, shared("held"), nullptr};
    EXPECT_EQ(call_->append(held).outcome, Outcome::stored);
    EXPECT_EQ(call_->list(), (Strings{"alice", "bob", "carl", "dora", "early"}));
    call_->set_disabled("carl", false);
    EXPECT_TRUE(call_->erase("early"));
    EXPECT_EQ(call_->list(), (Strings{"alice", "bob", "dora"}));
}

}  // namespace parley::mailbox
