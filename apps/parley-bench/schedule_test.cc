#include "schedule.h"
#include "flights.h"
#include "histogram.h"

#include <gtest/gtest.h>

namespace parley::bench {
namespace {

constexpr Nanos kMs = 1'000'000;

TEST(Schedule, SpreadsTheRateEvenly) {
    const Schedule schedule(5 * kSecond, 1000);
    EXPECT_EQ(schedule.due(0), 5 * kSecond);
    EXPECT_EQ(schedule.due(1500), 5 * kSecond + 1500 * kMs);
    EXPECT_EQ(schedule.due_before(5 * kSecond), 0u);
    EXPECT_EQ(schedule.due_before(5 * kSecond + 1), 1u);
    EXPECT_EQ(schedule.due_before(6 * kSecond), 1000u);
    EXPECT_EQ(schedule.due_before(0), 0u);
}

TEST(Schedule, DoesNotDriftAtRatesThatDivideNothing) {
    const Schedule schedule(0, 7777.7);
    for (std::uint64_t n = 0; n < 100'000; n += 9973) {
        EXPECT_EQ(schedule.due_before(schedule.due(n)), n);
        EXPECT_EQ(schedule.due_before(schedule.due(n) + 1), n + 1);
    }
    EXPECT_NEAR(static_cast<double>(schedule.due_before(3600 * kSecond)), 7777.7 * 3600, 1);
}

// On a clock of our own: a server that answers at once but stands still for one second makes the
// messages that were due meanwhile wait up to one second, and they say so.
TEST(Schedule, CountsTheWaitOfWhatWasDueWhileTheServerStoodStill) {
    const Schedule schedule(0, 1000);
    Histogram latency;
    std::uint64_t sent = 0;
    for (Nanos now = 0; now < 10 * kSecond; now += kMs) {
        if (now >= 4 * kSecond && now < 5 * kSecond) {
            continue;
        }
        for (; sent < schedule.due_before(now + 1); ++sent) {
            latency.record((now - schedule.due(sent)) / 1000);
        }
    }
    EXPECT_EQ(latency.count(), 10'000u);
    EXPECT_EQ(latency.max(), 1'000'000);
    EXPECT_EQ(latency.quantile(0.9), 0);
    EXPECT_NEAR(static_cast<double>(latency.quantile(0.95)), 500'000, 10'000);
}

TEST(Flights, KnowNoFlightTwice) {
    Flights flights;
    const std::uint64_t first = flights.take(1, 7, 1);
    EXPECT_EQ(flights.find(first)->owner, 7u);
    flights.release(first);
    EXPECT_EQ(flights.find(first), nullptr);
    const std::uint64_t second = flights.take(2, 8, 1);
    EXPECT_NE(first, second);
    EXPECT_EQ(flights.find(first), nullptr);
    EXPECT_EQ(flights.find(second)->owner, 8u);
    EXPECT_EQ(flights.find(second + 1), nullptr);
    EXPECT_EQ(flights.under_way(), 1u);
}

}  // namespace
}  // namespace parley::bench
