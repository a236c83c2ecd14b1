#include "server/metrics.h"

#include "server/readiness.h"
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace parley::server {
namespace {

class MetricsTest : public testing::Test {
  protected:
    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};

    std::string page() {
        auto text = std::make_shared<std::string>();
        server.node->admin_requests(0).handle(
            {"GET", "/metrics", ""}, [text](const io::HttpResponse& r) { *text = r.body; });
        server.run(Readiness::kPatience + Readiness::kFresh);
        return *text;
    }
    HistogramValues timing(Timing timing) { return server.node->metrics()[timing]; }
    static std::int64_t count(const HistogramValues& values) {
        std::int64_t all = 0;
        for (const std::int64_t one : values.counts) {
            all += one;
        }
        return all;
    }
};

TEST_F(MetricsTest, FollowAMessageFromArrivalToReceipt) {
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob", "nobody"}));
    EXPECT_EQ(server.metric(Metric::submissions_accepted), 1);
    EXPECT_EQ(server.metric(Metric::recipients_accepted), 1);
    EXPECT_EQ(server.metric(Metric::recipients_no_user), 1);
    EXPECT_EQ(server.metric(Metric::events_incoming), 1);
    EXPECT_EQ(server.metric(Metric::events_sent), 1);
    EXPECT_EQ(server.metric(Metric::events_delivered), 1);
    EXPECT_EQ(server.metric(Metric::told_live), 3);  // incoming, sent, delivered
    EXPECT_EQ(server.metric(Metric::receipts_waiting), 0);
    EXPECT_EQ(count(timing(Timing::accept_to_durable)), 1);
    EXPECT_EQ(count(timing(Timing::durable_to_pushed)), 3);
    EXPECT_NE(page().find("\nparley_events_appended_total{kind=\"sent\"} 1\n"), std::string::npos);
    EXPECT_NE(page().find("\nparley_accept_to_durable_seconds_count 1\n"), std::string::npos);
}

// R20: it waits in the session, as far as four windows, and leaves as the device acknowledges.
TEST_F(MetricsTest, CountNoReadingOfTheStoreForABurstBeyondTheWindow) {
    server.open(alice);
    bob.acknowledges = false;
    server.open(bob);
    for (int i = 0; i < 1000; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(2s);
    ASSERT_EQ(bob.events.size(), 256u);
    bob.acknowledges = true;
    bob.send(wire::Ack{bob.events.back().sequence});
    server.run(2s);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 1000u);
    EXPECT_EQ(server.metric(Metric::reads), 0);
}

TEST_F(MetricsTest, TimeAMessageWithTheWaitForAStoreThatWasAway) {
    server.open(alice);
    server.open(bob);
    server.store.appends = {FaultyStore::Fault::busy};  // tried again after 20 ms
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_GE(timing(Timing::accept_to_durable).sum, Duration(20ms).count());
    EXPECT_LT(timing(Timing::accept_to_durable).sum, Duration(100ms).count());
}

TEST_F(MetricsTest, CountAMessageThatIsSubmittedAgainAsADuplicate) {
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(server.metric(Metric::recipients_duplicate), 1);
    EXPECT_EQ(server.metric(Metric::events_incoming), 1);
    EXPECT_EQ(server.metric(Metric::events_sent), 1);
}

TEST_F(MetricsTest, NameTheReasonOfARefusal) {
    server.dial(alice);
    wire::Hello hello = server.hello(alice);
    hello.token += "x";
    alice.send(hello);
    server.run();
    EXPECT_EQ(server.metric(Metric::refused_token), 1);
    server.dial(bob);
    server.run(server.options.server.hello_timeout + 1s);
    EXPECT_EQ(server.metric(Metric::refused_timeout), 1);
    server.open(alice);
    server.submit(alice, make_submit("m1", {}));
    EXPECT_EQ(server.metric(Metric::submissions_refused), 1);
    EXPECT_EQ(server.metric(Metric::submissions_accepted), 0);
}

TEST_F(MetricsTest, CountSessionsBySubprotocol) {
    bob.json = true;
    server.open(alice);
    server.open(bob);
    EXPECT_EQ(server.metric(Metric::sessions_proto), 1);
    EXPECT_EQ(server.metric(Metric::sessions_json), 1);
}

TEST_F(MetricsTest, CountWhatWasGivenUpWhenTheStoreStaysAway) {
    server.open(alice);
    server.open(bob);
    server.store.away = true;
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(server.metric(Metric::batches_waiting), 1);
    server.run(server.options.server.submit_timeout + 5s);
    EXPECT_EQ(server.metric(Metric::submissions_given_up), 1);
    EXPECT_EQ(server.metric(Metric::batches_waiting), 0);
    EXPECT_EQ(count(timing(Timing::accept_to_durable)), 0);
}

TEST_F(MetricsTest, SayWhetherTheServerIsReady) {
    const auto ready = [&] { return page().find("# TYPE parley_ready gauge\nparley_ready 1\n"); };
    EXPECT_NE(ready(), std::string::npos);
    server.table->hang();
    EXPECT_EQ(ready(), std::string::npos);
    server.table->go_on();
    server.run();
    EXPECT_NE(ready(), std::string::npos);
    server.node->drain([] {});
    EXPECT_EQ(ready(), std::string::npos);
}

TEST_F(MetricsTest, TellEachFamilyOnce) {
    std::istringstream lines(page());
    std::set<std::string> families;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(families.insert(line).second) << line;
        }
        EXPECT_FALSE(line.ends_with(" ")) << line;
    }
    EXPECT_GT(families.size(), 20u);
}

}  // namespace
}  // namespace parley::server
