#include "server/readiness.h"

#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

// A server whose store is idle, and what /readyz says of it.
class ReadinessTest : public testing::Test {
  protected:
    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};

    struct Answer {
        int status = 0;  // none yet
        std::string body;
    };
    std::shared_ptr<Answer> ask(bool admin = true) {
        auto answer = std::make_shared<Answer>();
        io::RequestHandler& side =
            admin ? server.node->admin_requests(0) : server.node->public_requests(0);
        side.handle({"GET", "/readyz", ""}, [answer](const io::HttpResponse& response) {
            *answer = {response.status, response.body};
        });
        return answer;
    }
    int ready(bool admin = true) {
        const auto answer = ask(admin);
        server.run(100ms);
        return answer->status;
    }
    void settle() { server.run(Readiness::kFresh + mailbox::kCheckedWithin); }
};

TEST_F(ReadinessTest, AnIdleStoreIsWrittenToFindOutWhetherItTakesWrites) {
    settle();
    const std::size_t commits = server.table->commits();
    EXPECT_EQ(ready(), 200);
    EXPECT_EQ(server.table->commits(), commits + 1);
    server.table->set_full(true);
    settle();
    EXPECT_EQ(ready(), 503);
    server.table->set_full(false);
    settle();
    EXPECT_EQ(ready(), 200);
}

// It must not be said to be ready because of a write from before the disk was full.
TEST_F(ReadinessTest, ADiskThatFillsRightAfterAWriteIsNotReadyAtTheNextQuestion) {
    server.open(alice);
    settle();
    server.submit(alice, make_submit("m1", {"alice"}));
    EXPECT_EQ(ready(), 200);
    server.table->set_full(true);
    EXPECT_EQ(ready(), 503);
    server.table->set_full(false);
    EXPECT_EQ(ready(), 200);
    EXPECT_EQ(ready(false), 200);
    server.table->set_full(true);
    server.run(Readiness::kFresh);
    EXPECT_EQ(ready(false), 503);
}

TEST_F(ReadinessTest, ADiskThatHangsIsNotReadyWithinTheTimeAndReadyWhenItIsBack) {
    settle();
    server.table->hang();
    const auto answer = ask();
    server.run(Readiness::kPatience - 10ms);
    EXPECT_EQ(answer->status, 0);
    server.run(20ms);
    EXPECT_EQ(answer->status, 503);
    EXPECT_NE(answer->body.find("the disk has not answered a write for 5 s"), std::string::npos);
    EXPECT_EQ(ask()->status, 503);  // at once
    server.run(60s);
    EXPECT_EQ(ask()->status, 503);
    server.table->go_on();
    server.run(100ms);
    EXPECT_EQ(ready(), 200);
}

TEST_F(ReadinessTest, AHangIsSeenAlsoWhileMessagesWait) {
    server.open(alice);
    server.table->hang();
    server.submit(alice, make_submit("m1", {"alice"}));
    const auto answer = ask();
    server.run(Readiness::kPatience + 10ms);
    EXPECT_EQ(answer->status, 503);
    server.table->go_on();
    server.run();
    EXPECT_EQ(alice.results.size(), 1u);
    EXPECT_EQ(ready(), 200);
}

TEST_F(ReadinessTest, ManyWhoAskCostOneTryASecond) {
    settle();
    const std::size_t commits = server.table->commits();
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(ready(false), 200);  // a tenth of a second each
    }
    EXPECT_LE(server.table->commits(), commits + 4);
}

TEST_F(ReadinessTest, WhatIsWrittenAnywayNeedsNoTry) {
    server.open(alice);
    settle();
    server.submit(alice, make_submit("m1", {"alice"}));
    const std::size_t commits = server.table->commits();
    EXPECT_EQ(ready(), 200);
    EXPECT_EQ(server.table->commits(), commits);
}

TEST_F(ReadinessTest, OnlyTheAdministrationSideIsToldTheEnginesWords) {
    server.table->set_full(true);
    settle();
    const auto told = ask();
    const auto open = ask(false);
    server.run(100ms);
    EXPECT_NE(told->body.find("the table in memory is full"), std::string::npos);
    EXPECT_EQ(open->status, 503);
    EXPECT_EQ(open->body.find("the table in memory is full"), std::string::npos);
}

}  // namespace
}  // namespace parley::server
