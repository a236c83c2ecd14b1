#include "server/users.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace parley::server {

void Users::attach(Attach attach, Attached done) {
    const auto [first, last] = sessions_.equal_range(attach.identity);
    const auto same = std::find_if(first, last, [&](const auto& live) {
        return live.first->device == attach.identity->device;
    });
    if (same == last && static_cast<std::size_t>(std::distance(first, last)) >= limits_.sessions) {
        return done(unexpected(
            make_error(ErrorCode::too_many_sessions, "this user has too many sessions at once")));
    }
    Live live{attach.session, first == last ? rate_of(attach.identity) : first->second.rate};
    std::optional<SessionRef> older;
    if (same != last) {
        older = same->second.session;
        sessions_.erase(same);
    }
    sessions_.emplace(attach.identity, std::move(live));
    if (older) {
        callbacks_.replaced(*older);
    }

    std::vector<DeviceId> devices;
    const auto [begin, end] = sessions_.equal_range(attach.identity);
    for (auto one = begin; one != end; ++one) {
        devices.push_back(one->first->device);
    }
    const Identity& who = *attach.identity;
    store_.enroll(who.mailbox, who.device, attach.messaging, std::move(devices),
                  [this, identity = attach.identity, session = attach.session,
                   done = std::move(done)](Result<mailbox::Enrolled> enrolled) mutable {
                      on_enrolled(identity->mailbox, session, std::move(enrolled), std::move(done));
                  });
}

void Users::on_enrolled(const MailboxId& mailbox, const SessionRef& session,
                        Result<mailbox::Enrolled> enrolled, Attached done) {
    const auto live = find(mailbox, session);
    if (live == sessions_.end()) {
        return;
    }
    if (enrolled && !enrolled->disabled && !enrolled->full) {
        return done(live->second.rate);
    }
    detach(mailbox, session);
    if (!enrolled) {
        return done(unexpected(enrolled.error()));
    }
    done(unexpected(
        enrolled->disabled
            ? make_error(ErrorCode::refused_by_policy, "this user is disabled")
            : make_error(ErrorCode::too_many_sessions, "all devices of this user have sessions")));
}

void Users::detach(const MailboxId& mailbox, const SessionRef& session) {
    const auto found = find(mailbox, session);
    if (found == sessions_.end()) {
        return;
    }
    const SharedIdentity identity = found->first;
    const std::shared_ptr<Rate> rate = std::move(found->second.rate);
    sessions_.erase(found);
    if (sessions_.contains(identity)) {
        return;
    }
    callbacks_.left(identity->mailbox);
    if (rate->full_at() <= loop_.now()) {
        return;
    }
    owing_[identity] = {
        rate, loop_.call_at(rate->full_at(), [this, identity] { owing_.erase(identity); })};
}

std::shared_ptr<Rate> Users::rate_of(const SharedIdentity& identity) {
    const auto owing = owing_.find(identity);
    if (owing == owing_.end()) {
        return std::make_shared<Rate>();
    }
    std::shared_ptr<Rate> rate = std::move(owing->second.rate);
    owing_.erase(owing);
    return rate;
}

Users::Sessions::iterator Users::find(const MailboxId& mailbox, const SessionRef& session) {
    const auto [first, last] = sessions_.equal_range(mailbox);
    const auto found =
        std::find_if(first, last, [&](const auto& live) { return live.second.session == session; });
    return found == last ? sessions_.end() : found;
}

}  // namespace parley::server
