#include "server/metrics.h"

#include <string_view>

namespace parley::server {
namespace {

struct Description {
    std::string_view name;
    std::string_view help;
    bool gauge = false;
};

// In the order of Metric.
constexpr std::array<Description, kMetrics> kDescriptions{{
    {"parley_sessions", "Sessions that are open.", true},
    {"parley_connections", "Connections, sessions that are not yet open or are ending included.",
     true},
    {"parley_sessions_opened_total", "Sessions that were welcomed."},
    {"parley_sessions_refused_total", "Connections that ended before they were welcomed."},
    {"parley_sessions_replaced_total", "Sessions that a newer one of their device replaced."},
    {"parley_submissions_total", "Messages submitted."},
    {"parley_recipients_accepted_total", "Recipients for whom a message was stored."},
    {"parley_recipients_duplicate_total", "Recipients for whom a message had been stored before."},
    {"parley_recipients_refused_total", "Recipients that were refused for good."},
    {"parley_submissions_refused_total", "Messages refused as a whole."},
    {"parley_submissions_given_up_total", "Batches whose store did not recover in time."},
    {"parley_batches_total", "Batches of submissions given to the store."},
    {"parley_store_faults_total", "Calls to the store that had to be repeated."},
    {"parley_batches_waiting", "Batches that wait for the store to recover.", true},
    {"parley_events_delivered_total", "Events handed to sessions."},
    {"parley_events_delivered_live_total", "Of these, those that needed no reading."},
    {"parley_reads_total", "Reads of mailboxes for sessions."},
    {"parley_read_failures_total", "Reads of mailboxes that failed."},
    {"parley_acknowledgements_total", "Acknowledgements of events."},
    {"parley_receipts_total", "Receipts stored for senders."},
    {"parley_receipts_refused_total", "Receipts whose sender is gone."},
    {"parley_marks_total", "Receipt marks written."},
    {"parley_rate_holds_total", "Times that a session was read more slowly for its rate."},
}};

}  // namespace

void Metrics::add_to(Values& sums) const {
    for (std::size_t i = 0; i < kMetrics; ++i) {
        sums[i] += values_[i].load(std::memory_order_relaxed);
    }
}

std::string to_prometheus(const Metrics::Values& values) {
    std::string text;
    for (std::size_t i = 0; i < kMetrics; ++i) {
        const Description& description = kDescriptions[i];
        text.append("# HELP ").append(description.name).append(" ").append(description.help);
        text.append("\n# TYPE ").append(description.name);
        text.append(description.gauge ? " gauge\n" : " counter\n");
        text.append(description.name).append(" ").append(std::to_string(values[i])).append("\n");
    }
    return text;
}

}  // namespace parley::server
