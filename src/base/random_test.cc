#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace parley {
namespace {

TEST(Random, GivesTheSameNumbersForTheSameSeed) {
    Random a(42);
    Random b(42);
    Random c(43);
    const std::uint64_t first = a.next();
    EXPECT_EQ(first, b.next());
    EXPECT_NE(first, c.next());
    // Frozen: simulations are replayed by their seeds, on every platform.
    EXPECT_EQ(first, 1546998764402558742u);
}

TEST(Random, StaysBelowItsBoundAndReachesEveryValue) {
    Random random(1);
    std::array<int, 7> seen{};
    for (int i = 0; i < 7000; ++i) {
        const std::uint64_t value = random.below(7);
        ASSERT_LT(value, 7u);
        ++seen[value];
    }
    for (const int count : seen) {
        EXPECT_GT(count, 800);
    }
    EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, DrawsFromTheUnitInterval) {
    Random random(2);
    int below_half = 0;
    for (int i = 0; i < 1000; ++i) {
        const double value = random.unit();
        ASSERT_GE(value, 0.0);
        ASSERT_LT(value, 1.0);
        below_half += value < 0.5 ? 1 : 0;
    }
    EXPECT_NEAR(below_half, 500, 80);
    EXPECT_FALSE(random.chance(0.0));
    EXPECT_TRUE(random.chance(1.0));
}

TEST(UuidV7, HasTheFormOfRfc9562) {
    UuidV7 ids(1);
    const std::string id = ids.make(0x0190a1b2c3d4);
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id.substr(0, 15), "0190a1b2-c3d4-7");
    EXPECT_EQ(id[18], '-');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef-"), std::string::npos);
}

TEST(UuidV7, IncreasesAlsoWithinAMillisecondAndWhenTheClockGoesBack) {
    UuidV7 ids(7);
    std::string last = ids.make(5000);
    for (int i = 0; i < 10000; ++i) {
        std::string next = ids.make(i % 3 == 0 ? 4000 : 5000);
        ASSERT_LT(last, next);
        last = std::move(next);
    }
    EXPECT_LT(last, ids.make(6000));
}

TEST(UuidV7, TakesAnyTime) {
    UuidV7 ids(7);
    const std::string first = ids.make(-1);
    EXPECT_LT(first, ids.make(INT64_MAX));
    EXPECT_EQ(first.substr(0, 14), "00000000-0000-");
}

}  // namespace
}  // namespace parley
