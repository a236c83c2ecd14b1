// Submissions through a store that is away, slow or forgetful.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

using Fault = FaultyStore::Fault;

class RouterTest : public testing::Test {
  protected:
    void SetUp() override {
        server.open(alice);
        server.open(bob);
        server.open(carol);
    }

    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};
    TestDevice carol{*server.loops.front(), "carol", "c1"};

    std::string answered(const TestDevice& device) {
        std::string ids;
        for (const auto& result : device.results) {
            ids += (ids.empty() ? "" : " ") + result.message_id.value();
            for (const auto& recipient : result.recipients) {
                if (recipient.error) {
                    ids += "!" + std::to_string(static_cast<int>(recipient.error->code));
                }
                if (recipient.duplicate) {
                    ids += "=";
                }
            }
        }
        return ids;
    }
};

TEST_F(RouterTest, PutsWhatComesMeanwhileIntoOneBatch) {  // R6
    const std::size_t submits = server.store.submit_calls;
    for (int i = 0; i < 40; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}, std::to_string(i)));
    }
    server.run();
    EXPECT_EQ(alice.results.size(), 40u);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 40u);
    EXPECT_LE(server.store.submit_calls, submits + 8);
    EXPECT_GE(server.store.largest_submit, 5u);
}

TEST_F(RouterTest, KeepsTheOrderWhenTheStoreCouldNotTakeTheFirst) {  // R6
    server.store.appends = {Fault::busy, Fault::busy, Fault::ambiguous};
    for (int i = 0; i < 12; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {i % 3 == 0 ? "carol" : "bob"},
                               std::to_string(i)));
    }
    server.run(5s);
    EXPECT_EQ(answered(alice), "m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11");
    EXPECT_EQ(bob.heard(), "1 2 4 5 7 8 10 11");
    EXPECT_EQ(carol.heard(), "0 3 6 9");
    EXPECT_EQ(server.metric(Metric::batches_waiting), 0);
}

TEST_F(RouterTest, ConcludesOnlyFromAnAnswer) {  // R8
    server.store.appends = {Fault::ambiguous_stored};
    server.submit(alice, make_submit("m1", {"bob", "carol"}));
    EXPECT_EQ(answered(alice), "m1==");
    EXPECT_EQ(bob.heard(), "hello");
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
}

TEST_F(RouterTest, AnswersOnlyOnceSentIsDurable) {  // R1
    server.store.sent_away = true;
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(bob.heard(), "hello");
    EXPECT_TRUE(alice.results.empty());
    server.store.sent_away = false;
    server.run(2s);
    EXPECT_EQ(answered(alice), "m1");
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
}

TEST_F(RouterTest, ReadsNoFurtherWhileTheStoreIsAway) {
    server.store.away = true;
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_TRUE(alice.wire->paused);
    alice.send(make_submit("m2", {"bob"}));
    server.run(5s);
    EXPECT_EQ(alice.wire->unread.size(), 1u);
    server.store.away = false;
    server.run(3s);
    EXPECT_FALSE(alice.wire->paused);
    EXPECT_EQ(answered(alice), "m1 m2");
}

TEST_F(RouterTest, GivesUpAfterTwentySecondsAndSaysWhatIsDurable) {
    alice.send(make_submit("m1", {"nobody", "bob"}));
    alice.send(make_submit("m2", {"bob"}));
    alice.send(make_submit("m3", {"bob"}));
    server.store.away = true;
    server.run(19s);
    EXPECT_TRUE(alice.results.empty());
    server.run(3s);
    EXPECT_EQ(answered(alice), "m1!1002!1002");
    ASSERT_TRUE(alice.goodbye);
    EXPECT_EQ(alice.goodbye->error.code, ErrorCode::server_error);
    EXPECT_TRUE(alice.goodbye->error.retryable);
    EXPECT_EQ(alice.wire->close_code, io::close_code::kTryAgainLater);

    // The device comes back and begins with the same message.
    server.store.away = false;
    server.open(alice);
    for (const char* id : {"m1", "m2", "m3"}) {
        alice.send(make_submit(id, {"bob"}, id));
    }
    server.run();
    EXPECT_EQ(bob.heard(), "m1 m2 m3");
}

TEST_F(RouterTest, CompletesTheRecipientsThatAreStoredWhenItGivesUp) {  // R1
    // Carol's part of the store is away for good, Bob's is not.
    for (int i = 0; i < 60; ++i) {
        server.store.appends.push_back(Fault::busy);
    }
    server.store.appends.front() = Fault::ambiguous_stored;
    server.submit(alice, make_submit("m1", {"bob"}));
    server.run(30s);
    // The store had it all the time, but never said so before: nothing is concluded.
    EXPECT_EQ(answered(alice), "m1!1002");
    server.store.appends.clear();
    server.open(alice);
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(answered(alice), "m1=");
    EXPECT_EQ(bob.heard(), "hello");
}

TEST_F(RouterTest, AnswersWhatIsFinalWhenOnlySentIsMissing) {  // R1
    server.store.sent_away = true;
    alice.send(make_submit("m1", {"bob", "nobody"}));
    alice.send(make_submit("m2", {"bob"}));
    server.run(25s);
    EXPECT_EQ(answered(alice), "m1!1002!2000");
    EXPECT_TRUE(alice.goodbye);
    server.store.sent_away = false;
    server.open(alice);
    wire::Submit submit = make_submit("m1", {"bob", "nobody"});
    submit.open_recipient_ids = {UserId("bob")};
    server.submit(alice, submit);
    EXPECT_EQ(answered(alice), "m1=");
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
}

TEST_F(RouterTest, GivesUpAtOnceWhenItDrains) {
    server.store.away = true;
    server.submit(alice, make_submit("m1", {"bob"}));
    bool drained = false;
    server.node->drain([&] { drained = true; });
    server.run(1s);
    EXPECT_EQ(answered(alice), "m1!1002");
    EXPECT_TRUE(alice.goodbye);
    EXPECT_TRUE(drained);
}

TEST_F(RouterTest, CarriesASubmissionThroughAfterItsSessionHasGone) {
    server.store.appends = {Fault::busy, Fault::busy};
    alice.send(make_submit("m1", {"bob"}));
    server.run(5ms);
    alice.cut();
    server.run(2s);
    EXPECT_EQ(bob.heard(), "hello");
    server.open(alice);
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
}

TEST_F(RouterTest, LetsANewSessionSubmitAgainWhileTheOldBatchIsOnItsWay) {  // R6, R8
    server.store.appends = {Fault::busy, Fault::busy, Fault::busy};
    for (const char* id : {"m1", "m2", "m3"}) {
        alice.send(make_submit(id, {"bob"}, id));
    }
    server.run(5ms);
    alice.cut();
    server.open(alice);
    for (const char* id : {"m1", "m2", "m3", "m4"}) {
        alice.send(make_submit(id, {"bob"}, id));
    }
    server.run(5s);
    EXPECT_EQ(bob.heard(), "m1 m2 m3 m4");
    EXPECT_EQ(alice.results.size(), 4u);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 4u);
}

TEST_F(RouterTest, MakesNoSecondSentForASubsetThatIsRepeated) {  // R8
    server.submit(alice, make_submit("m1", {"bob", "carol"}));
    server.submit(alice, make_submit("m1", {"carol", "bob"}));
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
    wire::Submit open = make_submit("m1", {"bob", "carol"});
    open.open_recipient_ids = {UserId("carol")};
    server.submit(alice, open);
    // Another set is another event; devices know the pair already.
    EXPECT_EQ(alice.all<wire::Sent>().size(), 2u);
    EXPECT_EQ(answered(alice), "m1 m1== m1=");
    EXPECT_EQ(carol.heard(), "hello");
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 2u);
}

TEST_F(RouterTest, SurvivesARestartOfTheServerAtEveryCommit) {  // R1, R7, R8
    for (std::size_t n = 1; n <= 12; ++n) {
        const std::string id = "r" + std::to_string(n);
        server.table->fail_commit(n, mailbox::MemoryTable::Failure::refused);
        for (int i = 0; i < 3; ++i) {
            alice.send(make_submit(id + "-" + std::to_string(i), {"bob", "carol"}));
        }
        server.run(Duration(static_cast<std::int64_t>(n) * 700));
        server.restart();  // in the middle
        server.open(alice);
        server.open(bob);
        server.open(carol);
        for (int i = 0; i < 3; ++i) {
            alice.send(make_submit(id + "-" + std::to_string(i), {"bob", "carol"}));
        }
        server.run(3s);
        EXPECT_EQ(alice.results.size(), 3u) << n;
    }
    TestDevice fresh_bob(*server.loops.front(), "bob", "b2");
    TestDevice fresh_alice(*server.loops.front(), "alice", "a2");
    server.open(fresh_bob);
    server.open(fresh_alice);
    server.run(1s);
    ASSERT_EQ(fresh_bob.all<wire::Incoming>().size(), 36u);
    for (std::size_t i = 0; i < 36; ++i) {
        const std::string id = "r" + std::to_string(i / 3 + 1) + "-" + std::to_string(i % 3);
        EXPECT_EQ(fresh_bob.all<wire::Incoming>()[i].message.message_id.value(), id);
    }
    EXPECT_EQ(fresh_alice.all<wire::Delivered>().size(), 72u);
}

}  // namespace
}  // namespace parley::server
