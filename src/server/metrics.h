#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace parley::server {

// What a loop counts. One writer (the loop), any number of readers: adding needs no locked
// instruction.
enum class Metric : std::uint8_t {
    sessions,     // now
    connections,  // now
    sessions_opened,
    sessions_refused,
    sessions_replaced,
    submissions,
    recipients_accepted,
    recipients_duplicate,
    recipients_refused,
    submissions_refused,
    submissions_given_up,
    batches,
    store_faults,     // passing faults that were repeated
    batches_waiting,  // now: batches that wait for the store to recover
    events_delivered,
    wakes_delivered,  // of these, without reading the store
    reads,
    read_failures,
    acknowledgements,
    receipts_appended,
    receipts_refused,
    marks,
    rate_holds,
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::rate_holds) + 1;

class Metrics {
  public:
    using Values = std::array<std::int64_t, kMetrics>;

    void add(Metric metric, std::int64_t count = 1) {
        auto& value = values_[static_cast<std::size_t>(metric)];
        value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    void add_to(Values& sums) const;

  private:
    std::array<std::atomic<std::int64_t>, kMetrics> values_{};
};

// The text format that Prometheus reads.
std::string to_prometheus(const Metrics::Values& values);

}  // namespace parley::server
