#include "mailbox/store_metrics.h"

namespace parley::mailbox {

void StoreMetrics::write(MetricsText& text, Instant now) const {
    text.family(MetricsText::Type::counter, "parley_store_commits_total",
                "Batches given to the engine: durable, or refused below the reserve of free "
                "space.");
    text.value("result=\"durable\"", commits.value());
    text.value("result=\"refused\"", commits_refused.value());
    text.counter("parley_store_commit_bytes_total", "Bytes of keys and values committed.",
                 bytes.value());
    HistogramValues seconds;
    commit_seconds.add_to(seconds);
    text.histogram("parley_store_commit_seconds", "Commits, flush included.",
                   commit_seconds.bounds(), kMicroseconds, seconds);
    HistogramValues events;
    events_per_commit.add_to(events);
    text.histogram("parley_store_commit_events", "Events that one commit made durable.",
                   events_per_commit.bounds(), 1, events);
    const std::int64_t since = under_way_since.value();
    const auto age = since == 0 ? Duration{} : now.time_since_epoch() - Duration(since);
    text.gauge("parley_store_commit_under_way_seconds",
               "Age of the commit that is being flushed now; 0: none is.",
               static_cast<double>(age.count()) / kMicroseconds);
}

}  // namespace parley::mailbox
