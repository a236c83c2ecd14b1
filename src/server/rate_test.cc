#include "server/rate.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

using namespace std::chrono_literals;

const Instant kStart{Duration(1h)};

TEST(Rate, LetsABurstThroughAndThenAsksForPatience) {
    const RateLimit limit(200, 2000);
    Rate rate;
    EXPECT_EQ(rate.take(limit, kStart, 1999), Duration::zero());
    EXPECT_EQ(rate.take(limit, kStart, 1), Duration::zero());
    const Duration wait = rate.take(limit, kStart, 1);
    EXPECT_GT(wait, 4ms);
    EXPECT_LE(wait, 6ms);
    EXPECT_EQ(rate.take(limit, kStart + 10ms, 1), Duration::zero());
}

TEST(Rate, LendsAMessageThatIsLargerThanWhatIsLeft) {
    const RateLimit limit(200, 2000);
    Rate rate;
    (void)rate.take(limit, kStart, 2000);
    const Duration wait = rate.take(limit, kStart, 1000);
    EXPECT_GE(wait, 5s);
    EXPECT_LT(wait, 5s + 10ms);
    EXPECT_EQ(rate.take(limit, kStart + wait + 5ms, 1), Duration::zero());
}

TEST(Rate, IsFullAgainWhenEverythingWasPaid) {
    const RateLimit limit(200, 2000);
    Rate rate;
    (void)rate.take(limit, kStart, 200);
    EXPECT_GT(rate.full_at(), kStart + 900ms);
    EXPECT_LE(rate.full_at(), kStart + 1001ms);
}

TEST(Rate, OfZeroIsNoLimit) {
    const RateLimit limit(0, 0);
    Rate rate;
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(rate.take(limit, kStart, 100'000), Duration::zero());
    }
    EXPECT_LE(rate.full_at(), kStart);
}

}  // namespace
}  // namespace parley::server
