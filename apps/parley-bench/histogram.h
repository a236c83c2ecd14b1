#pragma once

#include <array>
#include <cstdint>

namespace parley::bench {

// Latencies in microseconds with a relative error below 1 %: log-linear buckets, as in Gil Tene's
// HdrHistogram (http://hdrhistogram.org; 128 steps for each power of two). Fixed size; recording
// costs a few instructions.
class Histogram {
  public:
    void record(std::int64_t microseconds);
    std::uint64_t count() const { return count_; }
    // The value below which this share of all records lies (0.99: p99); 0 without records.
    std::int64_t quantile(double share) const;
    std::int64_t max() const { return max_; }
    void add(const Histogram& other);

  private:
    static constexpr int kSteps = 128;
    static constexpr int kPowers = 34;  // up to some two hours
    static int bucket_of(std::uint64_t value);
    static std::int64_t highest_of(int bucket);

    std::array<std::uint64_t, static_cast<std::size_t>(kSteps) * kPowers> buckets_{};
    std::uint64_t count_ = 0;
    std::int64_t max_ = 0;
};

}  // namespace parley::bench
