#include "server/users.h"

#include <algorithm>
#include <utility>

namespace parley::server {

void Users::attach(Attach attach, Attached done) {
    const auto [place, is_new] = users_.try_emplace(attach.identity);
    User& user = place->second;
    if (is_new) {
        user.rate = std::make_shared<Rate>(limits_.rate_per_second, limits_.rate_burst);
    }
    const auto same = std::find_if(user.live.begin(), user.live.end(), [&](const Live& live) {
        return live.identity->device == attach.identity->device;
    });
    if (same != user.live.end()) {
        const SessionRef older = std::exchange(same->session, attach.session);
        same->identity = attach.identity;
        callbacks_.replaced(older);
    } else if (user.live.size() >= limits_.sessions) {
        return done(unexpected(
            make_error(ErrorCode::too_many_sessions, "this user has too many sessions at once")));
    } else {
        user.live.push_back({attach.identity, attach.session});
    }
    user.forget.reset();

    std::vector<DeviceId> devices;
    devices.reserve(user.live.size());
    for (const Live& live : user.live) {
        devices.push_back(live.identity->device);
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
    if (!is_attached(mailbox, session)) {
        return;
    }
    if (enrolled && !enrolled->disabled && !enrolled->full) {
        return done(users_.find(mailbox)->second.rate);
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
    const auto found = users_.find(mailbox);
    if (found == users_.end()) {
        return;
    }
    User& user = found->second;
    if (std::erase_if(user.live, [&](const Live& live) { return live.session == session; }) == 0) {
        return;
    }
    if (!user.live.empty()) {
        return;
    }
    callbacks_.left(mailbox);
    if (user.rate->full_at() <= loop_.now()) {
        users_.erase(found);
        return;
    }
    user.forget = loop_.call_at(user.rate->full_at(),
                                [this, identity = found->first] { users_.erase(identity); });
}

bool Users::is_attached(const MailboxId& mailbox, const SessionRef& session) const {
    const auto found = users_.find(mailbox);
    if (found == users_.end()) {
        return false;
    }
    const std::vector<Live>& live = found->second.live;
    return std::any_of(live.begin(), live.end(),
                       [&](const Live& one) { return one.session == session; });
}

}  // namespace parley::server
