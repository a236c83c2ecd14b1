#include "mailbox/guarded_clock.h"

#include <gtest/gtest.h>

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kDay = wall_time_from_ms(1'735'689'600'000);
constexpr Instant kStart{1h};

// R17
TEST(GuardedClock, FollowsTheWallClockInAStoreThatIsNew) {
    GuardedClock clock(std::nullopt, std::nullopt, kDay, kStart);
    EXPECT_EQ(clock.value(), kDay);
    EXPECT_EQ(clock.update(kDay + 5s, kStart + 5s), kDay + 5s);
    EXPECT_EQ(clock.update(kDay + 23h, kStart + 6s), kDay + 23h);
    EXPECT_FALSE(clock.held_since());
}

// R17
TEST(GuardedClock, NeverGoesBack) {
    GuardedClock clock(kDay, std::nullopt, kDay - 1h, kStart);
    EXPECT_EQ(clock.value(), kDay);
    EXPECT_EQ(clock.update(kDay - 100h, kStart + 10s), kDay);
    EXPECT_EQ(clock.update(kDay + 1s, kStart + 11s), kDay + 1s);
}

// R17
TEST(GuardedClock, RunsOnByItselfAfterALeapUntilADayHasPassed) {
    GuardedClock clock(kDay, std::nullopt, kDay, kStart);
    EXPECT_EQ(clock.update(kDay + 1000h, kStart + 1min), kDay + 1min);
    EXPECT_EQ(clock.held_since(), kDay);
    EXPECT_EQ(clock.update(kDay + 1010h, kStart + 10h), kDay + 10h);
    EXPECT_EQ(clock.update(kDay + 1023h, kStart + 23h + 59min), kDay + 23h + 59min);
    EXPECT_EQ(clock.update(kDay + 1024h, kStart + 24h), kDay + 1024h);
    EXPECT_FALSE(clock.held_since());
}

// R17
TEST(GuardedClock, FollowsAgainWhenTheWallClockComesBack) {
    GuardedClock clock(kDay, std::nullopt, kDay, kStart);
    clock.update(kDay + 1000h, kStart + 1h);
    EXPECT_EQ(clock.update(kDay + 2h, kStart + 2h), kDay + 2h);
    EXPECT_FALSE(clock.held_since());
    // And a second leap starts a day of its own.
    clock.update(kDay + 1000h, kStart + 3h);
    EXPECT_EQ(clock.update(kDay + 1000h, kStart + 25h), kDay + 25h);
}

// R17
TEST(GuardedClock, IsHeldOverARestart) {
    GuardedClock before(kDay, std::nullopt, kDay + 72h, kStart);
    before.update(kDay + 84h, kStart + 12h);
    GuardedClock after(before.value(), before.held_since(), kDay + 85h, Instant(5s));
    EXPECT_EQ(after.value(), kDay + 12h);
    EXPECT_EQ(after.update(kDay + 96h, Instant(5s) + 11h), kDay + 23h);
    EXPECT_EQ(after.update(kDay + 97h, Instant(5s) + 12h), kDay + 97h);
}

// R17
TEST(GuardedClock, BelievesAnOperator) {
    GuardedClock clock(kDay, std::nullopt, kDay + 72h, kStart);
    EXPECT_EQ(clock.value(), kDay);
    EXPECT_EQ(clock.confirm(kDay + 72h, kStart + 1s), kDay + 72h);
    EXPECT_FALSE(clock.held_since());
    EXPECT_EQ(clock.confirm(kDay, kStart + 2s), kDay + 72h);
}

TEST(GuardedClock, TakesAMachineThatSleptForNoLeap) {
    GuardedClock clock(kDay, std::nullopt, kDay, kStart);
    EXPECT_EQ(clock.update(kDay + 72h, kStart + 72h), kDay + 72h);
}

TEST(GuardedClock, LosesNoFractionsOfMilliseconds) {
    GuardedClock clock(kDay, std::nullopt, kDay + 72h, kStart);
    for (int i = 1; i <= 1000; ++i) {
        clock.update(kDay + 72h, kStart + i * 1500us);
    }
    EXPECT_EQ(clock.value(), kDay + 1500ms);
}

}  // namespace
}  // namespace parley::mailbox
