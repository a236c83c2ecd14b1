#include "server/deadlines.h"

#include "io/testing/manual_loop.h"

#include <gtest/gtest.h>

#include <vector>

namespace parley::server {
namespace {

using namespace std::chrono_literals;

TEST(Deadlines, CallInTheOrderOfTheirTimes) {
    io::ManualLoop loop;
    std::vector<std::uint64_t> called;
    Deadlines deadlines(loop, [&](std::uint64_t number) { called.push_back(number); });
    const Instant start = loop.now();
    deadlines.add(start + 3s, 3);
    deadlines.add(start + 1s, 1);
    deadlines.add(start + 2s, 2);
    loop.run_until(start + 2s);
    EXPECT_EQ(called, (std::vector<std::uint64_t>{1, 2}));
    loop.run_until(start + 5s);
    EXPECT_EQ(called, (std::vector<std::uint64_t>{1, 2, 3}));
}

// A session over its rate is held for a moment again and again, and pinged every half minute.
TEST(WakePlan, LeavesNoEntryBehindForEachShortWait) {
    WakePlan plan;
    const Instant start{Duration(1h)};
    int entries = plan.plan(start + 30s) ? 1 : 0;
    for (Instant now = start; now < start + 29s; now += 5ms) {
        ASSERT_TRUE(plan.plan(now + 5ms)) << "the wait is shorter than the ping";
        ASSERT_TRUE(plan.take(now + 5ms));
        entries += plan.plan(start + 30s) ? 1 : 0;
    }
    EXPECT_EQ(entries, 1) << "the entry of the ping serves all the time";
    EXPECT_TRUE(plan.take(start + 30s));
}

TEST(WakePlan, TakesOnlyWhatIsDue) {
    WakePlan plan;
    const Instant start{Duration(1h)};
    EXPECT_FALSE(plan.take(start));
    EXPECT_TRUE(plan.plan(start + 2s));
    EXPECT_FALSE(plan.plan(start + 3s)) << "the earlier one will see to it";
    EXPECT_FALSE(plan.take(start + 1s));
    EXPECT_TRUE(plan.take(start + 2s));
    EXPECT_TRUE(plan.plan(start + 3s));
}

}  // namespace
}  // namespace parley::server
