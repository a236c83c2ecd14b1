#include "protocol/backoff.h"

#include <gtest/gtest.h>

namespace parley::protocol {
namespace {

// R9: exponential with full jitter, 0.5 s to 60 s.
TEST(Backoff, WaitsLongerOnAverageUpToItsMost) {
    double sums[12] = {};
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        Backoff backoff(seed);
        Duration ceiling = kBackoffFirst;
        for (double& sum : sums) {
            const Duration wait = backoff.next();
            EXPECT_GE(wait, Duration::zero());
            EXPECT_LE(wait, ceiling);
            sum += static_cast<double>(wait.count());
            ceiling = std::min<Duration>(2 * ceiling, kBackoffMost);
        }
    }
    for (int i = 1; i < 7; ++i) {
        EXPECT_GT(sums[i], sums[i - 1]);
    }
    EXPECT_NEAR(sums[0] / 400, 250e3, 30e3);
    EXPECT_NEAR(sums[11] / 400, 30e6, 3e6);
}

// R9: cut short when the network comes back.
TEST(Backoff, StartsOverWhenReset) {
    Backoff backoff(3);
    for (int i = 0; i < 50; ++i) {
        (void)backoff.next();
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), Duration(kBackoffFirst));
}

TEST(Backoff, IsTheSameForTheSameSeed) {
    Backoff a(9);
    Backoff b(9);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(a.next(), b.next());
    }
}

}  // namespace
}  // namespace parley::protocol
