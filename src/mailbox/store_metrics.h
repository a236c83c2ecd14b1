#pragma once

#include "base/metrics.h"
#include "base/prometheus.h"

#include <chrono>

namespace parley::mailbox {

struct StoreStatus;

// What a LogStore's writer counts. Written on the store's loop, read from any thread.
struct StoreMetrics {
    Tally commits;
    Tally commits_refused;  // below the reserve of free space
    Tally bytes;            // of keys and values given to the table
    Histogram commit_seconds{kLatencyBounds};
    Histogram events_per_commit{kCountBounds};
    // When the commit under way was given to the table, as the count of its Instant; 0: none is.
    Tally under_way_since;

    // `now` is of a loop with the same clock as the store's.
    void write(MetricsText& text, Instant now) const;
};

// What the store and its engine say of themselves.
void write(const StoreStatus& status, std::chrono::seconds retention, MetricsText& text);

}  // namespace parley::mailbox
