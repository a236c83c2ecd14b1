#pragma once

#include "base/time.h"

#include <array>
#include <atomic>
#include <cstdint>

// Numbers that a thread counts and others read. One writer each (a loop, a thread), any number of
// readers: counting takes no lock and no locked instruction, so it may stand on the path of a
// message. How they become text is prometheus.h.
namespace parley {

// A number that goes up, or up and down.
class Tally {
  public:
    void add(std::int64_t count = 1) { set(value() + count); }
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

// The upper bounds of a histogram's buckets, ascending, in the unit that is observed; one bucket
// more takes what lies above. Fixed, so that histograms of several loops can be added up.
inline constexpr std::size_t kBounds = 16;
using Bounds = std::array<std::int64_t, kBounds>;

// Microseconds: from a tenth of a millisecond to half a minute.
inline constexpr Bounds kLatencyBounds{
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,     25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000, 30'000'000};
// How many: powers of two.
inline constexpr Bounds kCountBounds{1,   2,   4,    8,    16,   32,   64,    128,
                                     256, 512, 1024, 2048, 4096, 8192, 16384, 32768};

struct HistogramValues {
    std::array<std::int64_t, kBounds + 1> counts{};  // of each bucket alone
    std::int64_t sum = 0;
};

class Histogram {
  public:
    explicit Histogram(const Bounds& bounds) : bounds_(bounds) {}

    void observe(std::int64_t value) {
        std::size_t bucket = 0;
        while (bucket < kBounds && value > bounds_[bucket]) {
            ++bucket;
        }
        counts_[bucket].add();
        sum_.add(value);
    }
    void observe(Duration span) { observe(span.count()); }
    // Any thread. Counts that are added meanwhile may be in it or not.
    void add_to(HistogramValues& values) const {
        for (std::size_t i = 0; i <= kBounds; ++i) {
            values.counts[i] += counts_[i].value();
        }
        values.sum += sum_.value();
    }
    const Bounds& bounds() const { return bounds_; }

  private:
    const Bounds& bounds_;
    std::array<Tally, kBounds + 1> counts_;
    Tally sum_;
};

}  // namespace parley
