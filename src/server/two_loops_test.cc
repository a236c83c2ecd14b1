// A node on two loops: users at home on either, sessions anywhere.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

class TwoLoopsTest : public testing::Test {
  protected:
    TestServer server{2};

    TestDevice device(std::size_t loop, const std::string& user, const std::string& id) {
        return TestDevice(*server.loops[loop], user, id);
    }
};

TEST_F(TwoLoopsTest, CarryMessagesAndReceiptsBetweenThem) {  // R2, R3
    for (int i = 0; i < 8; ++i) {
        const std::string a = "alice" + std::to_string(i);
        const std::string b = "bob" + std::to_string(i);
        TestDevice alice = device(static_cast<std::size_t>(i % 2), a, "a1");
        TestDevice bob = device(static_cast<std::size_t>(i / 2 % 2), b, "b1");
        server.open(alice, static_cast<std::size_t>(i % 2));
        server.open(bob, static_cast<std::size_t>(i / 2 % 2));
        server.submit(alice, make_submit("m1", {b}));
        EXPECT_EQ(bob.heard(), "hello");
        EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
        EXPECT_EQ(alice.all<wire::Delivered>().size(), 1u);
        server.devices.clear();
    }
}

TEST_F(TwoLoopsTest, ReplaceASessionOnTheOtherOne) {  // R24
    TestDevice first = device(0, "alice", "a1");
    TestDevice second = device(1, "alice", "a1");
    server.open(first, 0);
    server.open(second, 1);
    ASSERT_TRUE(first.goodbye);
    EXPECT_EQ(first.goodbye->error.code, ErrorCode::replaced);
    EXPECT_FALSE(second.goodbye);
    server.open(first, 0);
    ASSERT_TRUE(second.goodbye);
    EXPECT_FALSE(first.goodbye);
}

TEST_F(TwoLoopsTest, MakeOneReceiptForDevicesOnBoth) {  // R3, R21
    TestDevice alice = device(0, "alice", "a1");
    TestDevice phone = device(0, "bob", "b1");
    TestDevice tablet = device(1, "bob", "b2");
    server.open(alice, 0);
    server.open(phone, 0);
    server.open(tablet, 1);
    for (int i = 0; i < 20; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(1s);
    EXPECT_EQ(phone.all<wire::Incoming>().size(), 20u);
    EXPECT_EQ(tablet.events, phone.events);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 20u);
    EXPECT_EQ(server.metric(Metric::receipts_appended), 20);
}

TEST_F(TwoLoopsTest, DrainTogether) {
    TestDevice alice = device(0, "alice", "a1");
    TestDevice bob = device(1, "bob", "b1");
    server.open(alice, 0);
    server.open(bob, 1);
    bool drained = false;
    server.node->drain([&] { drained = true; });
    server.run(1s);
    EXPECT_TRUE(drained);
    EXPECT_TRUE(alice.goodbye);
    EXPECT_TRUE(bob.goodbye);
}

}  // namespace
}  // namespace parley::server
