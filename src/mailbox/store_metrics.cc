#include "mailbox/store_metrics.h"

#include "mailbox/log_store.h"

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

void write(const StoreStatus& status, std::chrono::seconds retention, MetricsText& text) {
    const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
        text.gauge(name, help, static_cast<std::int64_t>(value));
    };
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
        text.counter(name, help, static_cast<std::int64_t>(value));
    };
    const TableNumbers& table = status.table;
    gauge("parley_store_table_bytes", "Of the engine's tables on disk.", table.table_bytes);
    gauge("parley_store_log_bytes", "Of the engine's write-ahead log.", table.log_bytes);
    gauge("parley_store_memory_bytes", "Durable, and not yet in tables.", table.memory_bytes);
    gauge("parley_store_compaction_bytes", "That waiting compactions will read.",
          table.compaction_bytes);
    gauge("parley_store_expired_bytes",
          "Of tables that may hold what has expired and is not yet reclaimed.",
          table.expired_bytes);
    gauge("parley_store_free_bytes", "That the file system has left for the store.",
          table.free_bytes);
    const std::int64_t oldest = to_ms(table.oldest_event);
    const std::int64_t kept = std::chrono::milliseconds(retention).count();
    const std::int64_t cutoff = to_ms(status.expired);
    text.gauge("parley_store_oldest_event_seconds",
               "Time of the oldest table that may hold an event, since 1970; 0: there is none.",
               static_cast<double>(oldest) / 1000);
    text.gauge("parley_store_retention_backlog_seconds",
               "How long past retention the oldest table is that is not yet reclaimed.",
               oldest == 0 || cutoff <= oldest ? 0.0 : static_cast<double>(cutoff - oldest) / 1000);
    text.gauge("parley_store_retention_seconds", "How long events are kept.",
               static_cast<double>(kept) / 1000);
    counter("parley_store_background_errors_total",
            "Errors of the engine's own work since the start.", table.background_errors);
    gauge("parley_store_stalled", "1 while the engine takes no writes until its work caught up.",
          table.stalled ? 1 : 0);
    counter("parley_store_unreadable_total", "Readings that failed.", status.failed_reads);
    gauge("parley_store_damaged", "1 while something is known that cannot be read.",
          status.trouble ? 1 : 0);
    gauge("parley_store_refusing", "1 while commits are refused for lack of room.",
          status.refusing ? 1 : 0);
    gauge("parley_store_waiting_requests", "Requests that wait for the store's writer.",
          status.waiting_requests);
    gauge("parley_store_waiting_bytes", "Of requests that wait for the store's writer.",
          status.waiting_bytes);
}

}  // namespace parley::mailbox
