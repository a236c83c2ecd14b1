// Sessions: what there is now, and ending it.
#include "admin/answer.h"
#include "admin/routes.h"
#include "time_text.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace parley::parleyd {
namespace {

using Done = AdminRouter::Done;
using nlohmann::ordered_json;

server::SessionFilter filter_of(const AdminRequest& request) {
    server::SessionFilter filter{ApplicationKey(std::string(request["application"]))};
    if (request.values.contains("user")) {
        filter.user = UserId(std::string(request["user"]));
    }
    if (request.values.contains("device")) {
        filter.device = DeviceId(std::string(request["device"]));
    }
    return filter;
}

ordered_json to_json(const server::SessionReport& session) {
    return {{"user", session.user.value()},
            {"device", session.device.value()},
            {"since", to_rfc3339(session.since)},
            {"token_ends", to_rfc3339(session.ends_at)},
            {"address", session.address},
            {"subprotocol", session.subprotocol},
            {"messaging", session.messaging},
            {"unacknowledged_events", session.unacknowledged_events},
            {"unacknowledged_bytes", session.unacknowledged_bytes},
            {"held_by_rate", session.held_by_rate}};
}

ordered_json to_json(const server::SessionList& list) {
    ordered_json sessions = ordered_json::array();
    for (const server::SessionReport& session : list.sessions) {
        sessions.push_back(to_json(session));
    }
    return {{"sessions", std::move(sessions)}, {"total", list.total}};
}

bool is_served(const AdminParts& parts, const server::SessionFilter& filter) {
    return parts.applications.find(filter.application) != nullptr;
}

void list(const AdminParts& parts, const AdminRequest& request, Done done) {
    const server::SessionFilter filter = filter_of(request);
    if (!is_served(parts, filter)) {
        return done(no_application(filter.application));
    }
    if (parts.node == nullptr) {
        return done(answer(to_json(server::SessionList{})));
    }
    parts.node->list_sessions(filter, limit_of(request),
                              [done = std::move(done)](const server::SessionList& list) mutable {
                                  done(answer(to_json(list)));
                              });
}

void end(const AdminParts& parts, const AdminRequest& request, Done done) {
    const server::SessionFilter filter = filter_of(request);
    if (!is_served(parts, filter)) {
        return done(no_application(filter.application));
    }
    const bool is_all = request.values.contains("all");
    if (request["user"].empty() == !is_all || (is_all && request.values.contains("device"))) {
        return done(refuse(400, "say whose sessions: user, user and device, or all"));
    }
    end_sessions(parts, filter,
                 make_error(ErrorCode::draining, "an operator ended this session: reconnect"),
                 [log = parts.log, done = std::move(done)](std::size_t count) mutable {
                     log.info("admin.sessions_ended", {{"count", std::uint64_t{count}}});
                     done(answer({{"ended_sessions", count}}));
                 });
}

}  // namespace

void end_sessions(const AdminParts& parts, server::SessionFilter filter, Error error,
                  UniqueFunction<void(std::size_t)> done) {
    if (parts.node == nullptr) {
        return done(0);
    }
    parts.node->end_sessions(std::move(filter), std::move(error), std::move(done));
}

void add_session_routes(AdminRouter& router, AdminParts parts) {
    router.add(
        "GET", "/v1/applications/{application}/sessions?user&device&limit",
        [parts](const AdminRequest& request, Done done) { list(parts, request, std::move(done)); });
    router.add(
        "DELETE", "/v1/applications/{application}/sessions?user&device&all",
        [parts](const AdminRequest& request, Done done) { end(parts, request, std::move(done)); });
}

}  // namespace parley::parleyd
