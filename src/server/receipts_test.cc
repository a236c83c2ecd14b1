// Acknowledgements, receipts, and the mark between them.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

class ReceiptsTest : public testing::Test {
  protected:
    void SetUp() override {
        server.open(alice);
        server.open(bob);
    }

    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};

    void send(int count, const std::string& prefix = "m") {
        for (int i = 0; i < count; ++i) {
            alice.send(make_submit(prefix + std::to_string(i), {"bob"}));
        }
        server.run(1s);
    }
};

TEST_F(ReceiptsTest, NeedNoReadingForWhatTheSessionWasSent) {
    send(1);
    const std::size_t reads = server.store.read_calls;
    send(100, "n");
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 101u);
    EXPECT_EQ(server.store.read_calls, reads);
}

// The session has read the mailbox's mark with its head.
TEST_F(ReceiptsTest, NeedNoHeadOfTheMailbox) {
    const std::size_t heads = server.store.head_calls;
    EXPECT_GT(heads, 0u);
    send(1);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 1u);
    EXPECT_EQ(server.store.head_calls, heads);
}

// R21: what one session of a user acknowledged, another acknowledges again.
TEST_F(ReceiptsTest, AreAppendedOnceForAllSessionsOfAUser) {
    TestDevice other(*server.loops.front(), "bob", "b2");
    other.acknowledges = false;
    server.open(other);
    send(5);
    bob.cut();
    server.run(1s);
    other.send(wire::Ack{other.events.back().sequence});
    server.run(1s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 5u);
    EXPECT_EQ(server.head("bob").mark, other.events.back().sequence);
}

TEST_F(ReceiptsTest, MoveTheMarkBehindThem) {  // R21
    send(10);
    EXPECT_EQ(server.head("bob").mark, bob.through);
    EXPECT_LT(server.metric(Metric::marks), 10);
}

TEST_F(ReceiptsTest, CoverOnlyWhatWasAcknowledged) {  // R21
    bob.acknowledges = false;
    send(10);
    EXPECT_TRUE(alice.all<wire::Delivered>().empty());
    bob.send(wire::Ack{bob.events[3].sequence});
    server.run(1s);
    ASSERT_EQ(alice.all<wire::Delivered>().size(), 4u);
    EXPECT_EQ(alice.all<wire::Delivered>()[3].message_id.value(), "m3");
    EXPECT_EQ(server.head("bob").mark, bob.events[3].sequence);
}

TEST_F(ReceiptsTest, AreMadeFromTheCursorOfAHello) {  // R21
    bob.acknowledges = false;
    send(10);
    bob.cursor = Cursor{bob.welcome->head.epoch, bob.events[6].sequence};
    bob.cut();
    server.run();
    server.open(bob);
    server.run(1s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 7u);
    EXPECT_EQ(server.head("bob").mark, bob.cursor->sequence);
}

TEST_F(ReceiptsTest, AreNotLostBetweenTheAckAndTheCrash) {  // R21
    bob.acknowledges = false;
    send(5);
    bob.send(wire::Ack{bob.events.back().sequence});
    bob.cursor = Cursor{bob.welcome->head.epoch, bob.events.back().sequence};
    server.run(0us);
    server.restart();
    server.open(alice);
    EXPECT_TRUE(alice.all<wire::Delivered>().empty());
    server.open(bob);
    server.run(1s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 5u);
}

TEST_F(ReceiptsTest, AreNotDoubledWhenTheMarkWasLost) {  // R21
    server.store.marks_lost = true;
    send(5);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 5u);
    server.restart();
    server.store.marks_lost = false;
    server.open(alice);
    server.open(bob);
    server.run(1s);
    EXPECT_EQ(server.head("bob").mark, bob.cursor->sequence);
    TestDevice fresh(*server.loops.front(), "alice", "a2");
    server.open(fresh);
    EXPECT_EQ(fresh.all<wire::Delivered>().size(), 5u);
}

TEST_F(ReceiptsTest, NeverLeaveTheMarkAheadOfThem) {  // R21
    server.store.sent_away = true;                    // `delivered` is not stored either
    bob.acknowledges = false;
    server.store.sent_away = false;
    send(5);
    server.store.sent_away = true;
    bob.send(wire::Ack{bob.events.back().sequence});
    server.run(3s);
    EXPECT_EQ(server.head("bob").mark, Sequence{});
    EXPECT_TRUE(alice.all<wire::Delivered>().empty());
    server.store.sent_away = false;
    server.run(3s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 5u);
    EXPECT_EQ(server.head("bob").mark, bob.events.back().sequence);
}

TEST_F(ReceiptsTest, AreDoneForASenderWhoWasErased) {  // R21
    bob.acknowledges = false;
    send(3);
    alice.cut();
    server.door->erase({kTestApplication, UserId("alice")}, [](auto) {});
    server.run();
    bob.send(wire::Ack{bob.events.back().sequence});
    server.run(1s);
    EXPECT_EQ(server.metric(Metric::receipts_refused), 3);
    EXPECT_EQ(server.head("bob").mark, bob.events.back().sequence);
}

TEST_F(ReceiptsTest, OfDevicesInAnyOrderAreTheSame) {  // R3, R21
    TestDevice tablet(*server.loops.front(), "bob", "b2");
    bob.acknowledges = false;
    tablet.acknowledges = false;
    server.open(tablet);
    send(20);
    ASSERT_EQ(bob.events.size(), 20u);
    for (const std::size_t at : {3u, 9u, 14u, 19u}) {
        tablet.send(wire::Ack{tablet.events[at].sequence});
        bob.send(wire::Ack{bob.events[at - 2].sequence});
    }
    server.run(1s);
    ASSERT_EQ(alice.all<wire::Delivered>().size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(alice.all<wire::Delivered>()[i].message_id.value(), "m" + std::to_string(i));
    }
    EXPECT_EQ(server.metric(Metric::receipts_appended), 20);
}

TEST_F(ReceiptsTest, OfAnOldCursorAndOfNewEventsMeet) {  // R21
    bob.acknowledges = false;
    send(300);
    ASSERT_EQ(bob.events.size(), 256u);
    bob.cursor = Cursor{bob.welcome->head.epoch, bob.events.back().sequence};
    bob.acknowledges = true;
    server.open(bob);  // the cursor acknowledges 256, the rest comes at once
    send(20, "n");
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 320u);
    EXPECT_EQ(server.metric(Metric::receipts_appended), 320);
}

TEST_F(ReceiptsTest, OfWhatComesWhileTheStoreIsReadAreNotPassedOver) {  // R21
    bob.acknowledges = false;
    send(5);
    bob.cursor = Cursor{bob.welcome->head.epoch, bob.events.back().sequence};
    bob.cut();
    server.run();
    bob.acknowledges = true;
    server.store.hold_reads = true;
    server.open(bob);
    server.run(1s);
    ASSERT_EQ(server.store.held_reads.size(), 1u);  // from the mark to the cursor
    send(1, "meanwhile");
    server.store.hold_reads = false;
    server.store.held_reads.front()();
    server.run(1s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 6u);
    EXPECT_EQ(server.head("bob").mark, bob.through);
}

TEST_F(ReceiptsTest, AreNotAskedForAgainUnderTheMark) {  // R21
    send(50);
    TestDevice tablet(*server.loops.front(), "bob", "b2");
    const std::size_t appends = server.store.append_calls;
    server.open(tablet);
    server.run(10s);
    EXPECT_EQ(tablet.all<wire::Incoming>().size(), 50u);
    EXPECT_EQ(server.store.append_calls, appends);
}

TEST_F(ReceiptsTest, WriteTheMarkWhenTheUserLeaves) {
    send(3);
    // Alice received only receipts: her mark follows late, or when she goes.
    EXPECT_EQ(server.head("alice").mark, Sequence{});
    alice.cut();
    server.run();
    EXPECT_EQ(server.head("alice").mark, alice.through);
}

}  // namespace
}  // namespace parley::server
