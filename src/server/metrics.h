#pragma once

#include "base/metrics.h"
#include "base/prometheus.h"
#include "mailbox/store.h"
#include "parley/error.h"

#include <array>
#include <cstdint>

namespace parley::server {

// What a loop counts. Some are values of one family with a label; those stand together, in the
// order of kDescriptions (metrics.cc).
enum class Metric : std::uint8_t {
    sessions_proto,  // now
    sessions_json,   // now
    connections,     // now
    sessions_opened,
    sessions_replaced,
    // Connections that ended before they were welcomed, by why.
    refused_token,
    refused_policy,
    refused_sessions,
    refused_connections,
    refused_draining,
    refused_store,
    refused_violation,
    refused_timeout,
    refused_gone,
    submissions_accepted,
    submissions_refused,   // as a whole, or for every recipient
    submissions_given_up,  // the store did not come back in time
    recipients_accepted,
    recipients_duplicate,
    recipients_no_user,
    recipients_no_messaging,
    recipients_over_quota,
    recipients_disabled,
    events_incoming,
    events_sent,
    events_delivered,
    batches,
    batches_waiting,  // now: batches that wait for the store to recover
    store_faults,     // passing faults that were repeated
    told_live,        // events handed to sessions without reading the store
    told_read,
    reads,
    read_failures,
    events_stopped,  // now: sessions whose mailbox cannot be read on
    acknowledgements,
    receipts_appended,
    receipts_refused,
    receipts_waiting,  // now: receipts on their way into the store
    marks,
    rate_holds,
    sessions_held,  // now: read more slowly for their rate
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::sessions_held) + 1;

// What a loop measures, in microseconds.
enum class Timing : std::uint8_t {
    accept_to_durable,  // a submission came; its answer is durable
    durable_to_pushed,  // an event became durable; a session that follows live has it to write
    read,               // of a mailbox, for a session
};
inline constexpr std::size_t kTimings = static_cast<std::size_t>(Timing::read) + 1;

class Metrics {
  public:
    // The sum over some loops.
    struct Values {
        std::array<std::int64_t, kMetrics> counts{};
        std::array<HistogramValues, kTimings> timings{};
        std::int64_t operator[](Metric metric) const {
            return counts[static_cast<std::size_t>(metric)];
        }
        const HistogramValues& operator[](Timing timing) const {
            return timings[static_cast<std::size_t>(timing)];
        }
    };

    void add(Metric metric, std::int64_t count = 1) {
        counts_[static_cast<std::size_t>(metric)].add(count);
    }
    void observe(Timing timing, Duration span) {
        timings_[static_cast<std::size_t>(timing)].observe(span);
    }
    void add_to(Values& sums) const;

  private:
    std::array<Tally, kMetrics> counts_;
    std::array<Histogram, kTimings> timings_{Histogram(kLatencyBounds), Histogram(kLatencyBounds),
                                             Histogram(kLatencyBounds)};
};

// Where the end of a recipient's append is counted; its outcome is final.
Metric metric_of(mailbox::Outcome outcome);
// Where a connection that was never welcomed is counted.
Metric metric_of_refusal(ErrorCode code);

void write(const Metrics::Values& values, MetricsText& text);

}  // namespace parley::server
