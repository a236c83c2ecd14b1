#include "base/prometheus.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(MetricsText, WritesFamiliesAsPrometheusReadsThem) {
    MetricsText text;
    text.counter("a_total", "What a is.", 3);
    text.gauge("b_seconds", "What b is.", 0.25);
    text.family(MetricsText::Type::counter, "c_total", "What c is.");
    text.value("result=\"ok\"", std::int64_t{1});
    text.value("result=\"refused\"", std::int64_t{2});
    EXPECT_EQ(text.text(),
              "# HELP a_total What a is.\n# TYPE a_total counter\na_total 3\n"
              "# HELP b_seconds What b is.\n# TYPE b_seconds gauge\nb_seconds 0.25\n"
              "# HELP c_total What c is.\n# TYPE c_total counter\n"
              "c_total{result=\"ok\"} 1\nc_total{result=\"refused\"} 2\n");
}

TEST(MetricsText, TellsAHistogramInSecondsWithBucketsThatAddUp) {
    Histogram histogram(kLatencyBounds);
    histogram.observe(Duration(100));  // the bound belongs to its bucket
    histogram.observe(Duration(101));
    histogram.observe(std::chrono::minutes(2));
    HistogramValues values;
    histogram.add_to(values);
    MetricsText text;
    text.histogram("d_seconds", "What d is.", kLatencyBounds, kMicroseconds, values);
    EXPECT_TRUE(
        text.text().starts_with("# HELP d_seconds What d is.\n# TYPE d_seconds histogram\n"
                                "d_seconds_bucket{le=\"0.0001\"} 1\n"
                                "d_seconds_bucket{le=\"0.00025\"} 2\n"));
    EXPECT_TRUE(
        text.text().ends_with("d_seconds_bucket{le=\"30\"} 2\n"
                              "d_seconds_bucket{le=\"+Inf\"} 3\n"
                              "d_seconds_sum 120.000201\nd_seconds_count 3\n"));
}

TEST(MetricsText, TellsOneHistogramForEachSetOfLabels) {
    MetricsText text;
    HistogramValues values;
    values.counts.back() = 1;
    values.sum = 100'000;
    text.histogram_family("e", "What e is.");
    text.histogram_of("loop=\"0\"", kCountBounds, 1, values);
    EXPECT_NE(text.text().find("\ne_bucket{loop=\"0\",le=\"32768\"} 0\n"
                               "e_bucket{loop=\"0\",le=\"+Inf\"} 1\n"
                               "e_sum{loop=\"0\"} 100000\ne_count{loop=\"0\"} 1\n"),
              std::string::npos);
}

TEST(Histogram, AddsUpOverLoops) {
    Histogram one(kCountBounds);
    Histogram other(kCountBounds);
    one.observe(1);
    other.observe(1);
    other.observe(1'000'000);
    HistogramValues values;
    one.add_to(values);
    other.add_to(values);
    EXPECT_EQ(values.counts.front(), 2);
    EXPECT_EQ(values.counts.back(), 1);
    EXPECT_EQ(values.sum, 1'000'002);
}

}  // namespace
}  // namespace parley
