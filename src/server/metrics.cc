#include "server/metrics.h"

#include <string_view>

namespace parley::server {
namespace {

using Type = MetricsText::Type;
constexpr Type kGauge = Type::gauge;
constexpr Type kCounter = Type::counter;

struct Description {
    Type type;
    std::string_view name;
    std::string_view labels;  // neighbours of one name are one family
    std::string_view help;    // of the family, at its first
};

// In the order of Metric. What each one tells an operator: docs/operations/monitoring.md.
constexpr std::array<Description, kMetrics> kDescriptions{{
    {kGauge, "parley_sessions", "subprotocol=\"proto\"", "Sessions that are open."},
    {kGauge, "parley_sessions", "subprotocol=\"json\"", ""},
    {kGauge, "parley_connections", "",
     "Connections, sessions that are not yet open or are ending included."},
    {kCounter, "parley_sessions_opened_total", "", "Sessions that were welcomed."},
    {kCounter, "parley_sessions_replaced_total", "",
     "Sessions that a newer one of their device replaced."},
    {kCounter, "parley_sessions_refused_total", "reason=\"token\"",
     "Connections that ended before they were welcomed."},
    {kCounter, "parley_sessions_refused_total", "reason=\"policy\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"user_sessions\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"connections\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"draining\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"store\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"violation\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"timeout\"", ""},
    {kCounter, "parley_sessions_refused_total", "reason=\"gone\"", ""},
    {kCounter, "parley_submissions_total", "result=\"accepted\"",
     "Messages submitted, by how they ended: accepted for a recipient at least; refused as a whole "
     "or for all; given up because the store did not recover in time."},
    {kCounter, "parley_submissions_total", "result=\"refused\"", ""},
    {kCounter, "parley_submissions_total", "result=\"given_up\"", ""},
    {kCounter, "parley_recipients_total", "result=\"accepted\"",
     "Recipients of submitted messages, by final answer."},
    {kCounter, "parley_recipients_total", "result=\"duplicate\"", ""},
    {kCounter, "parley_recipients_total", "result=\"unknown_user\"", ""},
    {kCounter, "parley_recipients_total", "result=\"no_messaging\"", ""},
    {kCounter, "parley_recipients_total", "result=\"over_quota\"", ""},
    {kCounter, "parley_recipients_total", "result=\"disabled\"", ""},
    {kCounter, "parley_events_appended_total", "kind=\"incoming\"",
     "Events that became durable in mailboxes."},
    {kCounter, "parley_events_appended_total", "kind=\"sent\"", ""},
    {kCounter, "parley_events_appended_total", "kind=\"delivered\"", ""},
    {kCounter, "parley_batches_total", "", "Batches of submissions given to the store."},
    {kGauge, "parley_batches_waiting", "", "Batches that wait for the store to recover."},
    {kCounter, "parley_store_faults_total", "", "Calls to the store that had to be repeated."},
    {kCounter, "parley_events_delivered_total", "path=\"live\"",
     "Events handed to sessions: live, as they became durable, or read from the store."},
    {kCounter, "parley_events_delivered_total", "path=\"read\"", ""},
    {kCounter, "parley_reads_total", "", "Reads of mailboxes for sessions."},
    {kCounter, "parley_read_failures_total", "", "Reads of mailboxes that failed."},
    {kGauge, "parley_sessions_stopped", "",
     "Sessions whose events wait because their mailbox cannot be read."},
    {kCounter, "parley_acknowledgements_total", "", "Acknowledgements of events."},
    {kCounter, "parley_receipts_total", "result=\"stored\"",
     "Receipts for senders: stored, or refused because the sender is gone."},
    {kCounter, "parley_receipts_total", "result=\"refused\"", ""},
    {kGauge, "parley_receipts_waiting", "", "Receipts on their way into the store."},
    {kCounter, "parley_marks_total", "", "Receipt marks written."},
    {kCounter, "parley_rate_holds_total", "",
     "Times that a session was read more slowly for its rate."},
    {kGauge, "parley_sessions_held", "", "Sessions that are read more slowly for their rate now."},
}};

}  // namespace

void Metrics::add_to(Values& sums) const {
    for (std::size_t i = 0; i < kMetrics; ++i) {
        sums.counts[i] += counts_[i].value();
    }
    for (std::size_t i = 0; i < kTimings; ++i) {
        timings_[i].add_to(sums.timings[i]);
    }
}

Metric metric_of(mailbox::Outcome outcome) {
    using mailbox::Outcome;
    switch (outcome) {
        case Outcome::stored:
            return Metric::recipients_accepted;
        case Outcome::duplicate:
            return Metric::recipients_duplicate;
        case Outcome::no_messaging:
            return Metric::recipients_no_messaging;
        case Outcome::over_quota:
            return Metric::recipients_over_quota;
        case Outcome::disabled:
            return Metric::recipients_disabled;
        default:
            return Metric::recipients_no_user;
    }
}

Metric metric_of_refusal(ErrorCode code) {
    switch (code) {
        case ErrorCode::not_authenticated:
            return Metric::refused_token;
        case ErrorCode::refused_by_policy:
            return Metric::refused_policy;
        case ErrorCode::too_many_sessions:
            return Metric::refused_sessions;
        case ErrorCode::too_many_connections:
            return Metric::refused_connections;
        case ErrorCode::draining:
            return Metric::refused_draining;
        case ErrorCode::protocol_violation:
        case ErrorCode::invalid_argument:
            return Metric::refused_violation;
        case ErrorCode::timed_out:
            return Metric::refused_timeout;
        case ErrorCode::connection_refused:
        case ErrorCode::replaced:
            return Metric::refused_gone;
        default:
            return Metric::refused_store;
    }
}

void write(const Metrics::Values& values, MetricsText& text) {
    std::string_view family;
    for (std::size_t i = 0; i < kMetrics; ++i) {
        const Description& description = kDescriptions[i];
        if (description.name != family) {
            family = description.name;
            text.family(description.type, family, description.help);
        }
        text.value(description.labels, values.counts[i]);
    }
    text.histogram("parley_accept_to_durable_seconds",
                   "From a submission's arrival until its answer is durable.", kLatencyBounds,
                   kMicroseconds, values[Timing::accept_to_durable]);
    text.histogram("parley_durable_to_pushed_seconds",
                   "From an event's becoming durable until a session that follows live has it.",
                   kLatencyBounds, kMicroseconds, values[Timing::durable_to_pushed]);
    text.histogram("parley_read_seconds", "Reads of mailboxes for sessions.", kLatencyBounds,
                   kMicroseconds, values[Timing::read]);
}

}  // namespace parley::server
