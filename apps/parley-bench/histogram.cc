#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace parley::bench {

int Histogram::bucket_of(std::uint64_t value) {
    if (value < 2 * kSteps) {
        return static_cast<int>(value);
    }
    const int power =
        static_cast<int>(std::bit_width(value)) - 8;  // value >> power lies in [128, 256)
    const int bucket = power * kSteps + static_cast<int>(value >> power);
    return std::min(bucket, kSteps * kPowers - 1);
}

std::int64_t Histogram::highest_of(int bucket) {
    if (bucket < 2 * kSteps) {
        return bucket;
    }
    const int power = bucket / kSteps - 1;
    const std::int64_t step = bucket - power * kSteps;
    return ((step + 1) << power) - 1;
}

void Histogram::record(std::int64_t microseconds) {
    const std::int64_t value = std::max<std::int64_t>(microseconds, 0);
    ++buckets_[static_cast<std::size_t>(bucket_of(static_cast<std::uint64_t>(value)))];
    ++count_;
    max_ = std::max(max_, value);
}

std::int64_t Histogram::quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        // The last bucket has no upper end.
        if (seen >= wanted && seen > 0 && i + 1 < buckets_.size()) {
            return std::min(highest_of(static_cast<int>(i)), max_);
        }
    }
    return max_;
}

void Histogram::add(const Histogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
}

}  // namespace parley::bench
