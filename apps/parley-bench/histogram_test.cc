#include "histogram.h"

#include <gtest/gtest.h>

namespace parley::bench {
namespace {

TEST(Histogram, AnswersQuantilesWithinOnePercent) {
    Histogram histogram;
    for (int value = 1; value <= 100'000; ++value) {
        histogram.record(value);
    }
    EXPECT_EQ(histogram.count(), 100'000u);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5)), 50'000, 500);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.99)), 99'000, 990);
    EXPECT_EQ(histogram.quantile(1.0), 100'000);
    EXPECT_EQ(histogram.max(), 100'000);
}

TEST(Histogram, IsExactForSmallValuesAndEmptyAtFirst) {
    Histogram histogram;
    EXPECT_EQ(histogram.quantile(0.99), 0);
    for (const int value : {3, 3, 3, 200}) {
        histogram.record(value);
    }
    EXPECT_EQ(histogram.quantile(0.5), 3);
    EXPECT_EQ(histogram.quantile(0.99), 200);
}

TEST(Histogram, KeepsValuesBeyondItsRangeAsTheLargest) {
    Histogram histogram;
    histogram.record(std::int64_t{1} << 50);
    histogram.record(-5);
    EXPECT_EQ(histogram.quantile(1.0), histogram.max());
    EXPECT_EQ(histogram.quantile(0.1), 0);
}

TEST(Histogram, AddsUp) {
    Histogram one, two;
    one.record(10);
    two.record(1000);
    one.add(two);
    EXPECT_EQ(one.count(), 2u);
    EXPECT_EQ(one.max(), 1000);
}

}  // namespace
}  // namespace parley::bench
