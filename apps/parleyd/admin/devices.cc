// Devices: what a user has, and forgetting one.
#include "admin/answer.h"
#include "admin/routes.h"
#include "time_text.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace parley::parleyd {
namespace {

using Done = AdminRouter::Done;
using nlohmann::ordered_json;

void list(const AdminParts& parts, const MailboxId& mailbox, Done done) {
    parts.store.user(mailbox, [parts, mailbox,
                               done = std::move(done)](Result<mailbox::UserState> state) mutable {
        if (!state || !state->exists) {
            return done(state ? no_user(mailbox) : refuse(state.error()));
        }
        parts.store.devices(mailbox, [done = std::move(done)](
                                         Result<std::vector<mailbox::DeviceSeen>> devices) mutable {
            if (!devices) {
                return done(refuse(devices.error()));
            }
            ordered_json all = ordered_json::array();
            for (const mailbox::DeviceSeen& one : *devices) {
                all.push_back(
                    {{"device", one.device.value()}, {"last_seen", to_rfc3339(one.last_seen)}});
            }
            done(answer({{"devices", std::move(all)}}));
        });
    });
}

void forget(const AdminParts& parts, const MailboxId& mailbox, const DeviceId& device, Done done) {
    parts.store.forget_device(
        mailbox, device,
        [parts, mailbox, device, done = std::move(done)](Result<bool> forgotten) mutable {
            if (!forgotten) {
                return done(refuse(forgotten.error()));
            }
            if (!*forgotten) {
                return done(refuse(404, "the user " + shown(mailbox.user.value()) +
                                            " has no device " + device.value()));
            }
            parts.log.info("admin.device_forgotten",
                           {{"application", mailbox.application.value()}});
            end_sessions(parts, {mailbox.application, mailbox.user, device},
                         make_error(ErrorCode::draining,
                                    "an operator made the server forget this device: reconnect"),
                         [mailbox, device, done = std::move(done)](std::size_t ended) mutable {
                             done(answer({{"user", mailbox.user.value()},
                                          {"device", device.value()},
                                          {"forgotten", true},
                                          {"ended_sessions", ended}}));
                         });
        });
}

}  // namespace

void add_device_routes(AdminRouter& router, AdminParts parts) {
    const std::string path = "/v1/applications/{application}/users/{user}/devices";
    router.add("GET", path, [parts](const AdminRequest& request, Done done) {
        list(parts, mailbox_of(request), std::move(done));
    });
    router.add("DELETE", path + "/{device}", [parts](const AdminRequest& request, Done done) {
        forget(parts, mailbox_of(request), DeviceId(std::string(request["device"])),
               std::move(done));
    });
}

}  // namespace parley::parleyd
