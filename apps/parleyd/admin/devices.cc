// Devices: what a user has, and forgetting one.
#include "admin/answer.h"
#include "admin/routes.h"
#include "time_text.h"

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
            return done(state ? refuse(404, "there is no user " + mailbox.user.value() +
                                                " in application " + mailbox.application.value())
                              : refuse(state.error()));
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
                return done(refuse(
                    404, "the user " + mailbox.user.value() + " has no device " + device.value()));
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

io::HttpResponse no_user() {
    return refuse(400,
                  "this cannot be a user: a user id is 1 to 255 bytes of printable ASCII "
                  "without space");
}

}  // namespace

void add_device_routes(AdminRouter& router, AdminParts parts) {
    const std::string path = "/v1/applications/{application}/users/{user}/devices";
    router.add("GET", path, [parts](const AdminRequest& request, Done done) {
        const auto mailbox = mailbox_of(request);
        mailbox ? list(parts, *mailbox, std::move(done)) : done(no_user());
    });
    router.add("DELETE", path + "/{device}", [parts](const AdminRequest& request, Done done) {
        const auto mailbox = mailbox_of(request);
        mailbox ? forget(parts, *mailbox, DeviceId(std::string(request["device"])), std::move(done))
                : done(no_user());
    });
}

}  // namespace parley::parleyd
