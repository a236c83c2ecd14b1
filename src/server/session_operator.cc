// What operators see and do to a session.
#include "server/node_loop.h"
#include "server/session.h"

namespace parley::server {

bool Session::fits(const SessionFilter& filter) const {
    return has_user() && mailbox_id().application == filter.application &&
           (!filter.user || mailbox_id().user == *filter.user) &&
           (!filter.device || identity_->device == *filter.device);
}

bool Session::is_of_other_than(const Applications& applications) const {
    return has_user() && !applications.contains(mailbox_id().application);
}

SessionReport Session::report() {
    SessionReport report;
    report.user = mailbox_id().user;
    report.device = identity_->device;
    report.since = opened_at_;
    report.ends_at = wall_time_from_ms(ends_at_ms_);
    report.address = channel_->peer_address();
    report.subprotocol = channel_->subprotocol();
    report.messaging = messaging_;
    report.unacknowledged_events = in_flight_.size();
    for (const InFlight& event : in_flight_) {
        report.unacknowledged_bytes += event.event->size(encoding_);
    }
    report.held_by_rate = held_until_.has_value();
    return report;
}

}  // namespace parley::server
