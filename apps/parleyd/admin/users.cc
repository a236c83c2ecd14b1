// Users: whom a server knows, who may not come, and forgetting them.
#include "admin/answer.h"
#include "admin/routes.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace parley::parleyd {
namespace {

using Done = AdminRouter::Done;
using nlohmann::ordered_json;

void list(const AdminParts& parts, const AdminRequest& request, Done done) {
    const std::size_t limit = limit_of(request);
    const ApplicationKey application{std::string(request["application"])};
    const UserId after{std::string(request["after"])};
    const bool is_served = parts.applications.find(application) != nullptr;
    parts.store.list(
        application, after, limit,
        [limit, is_served, application, after,
         done = std::move(done)](Result<std::vector<UserId>> users) mutable {
            if (!users) {
                return done(refuse(users.error()));
            }
            // What a removed one left behind can still be seen and erased.
            if (users->empty() && after.value().empty() && !is_served) {
                return done(no_application(application));
            }
            ordered_json names = ordered_json::array();
            for (const UserId& user : *users) {
                names.push_back(user.value());
            }
            done(answer({{"users", std::move(names)}, {"more", users->size() == limit}}));
        });
}

ordered_json to_json(const MailboxId& mailbox, const mailbox::UserState& state) {
    return {{"application", mailbox.application.value()},
            {"user", mailbox.user.value()},
            {"registered", state.exists},
            {"messaging", state.messaging},
            {"disabled", state.disabled}};
}

void show(const AdminParts& parts, const MailboxId& mailbox, Done done) {
    parts.store.user(mailbox, [parts, mailbox,
                               done = std::move(done)](Result<mailbox::UserState> state) mutable {
        if (!state) {
            return done(refuse(state.error()));
        }
        if (!state->exists && !state->disabled) {
            return done(no_user(mailbox));
        }
        ordered_json said = to_json(mailbox, *state);
        parts.store.devices(
            mailbox, [parts, mailbox, said = std::move(said), done = std::move(done)](
                         Result<std::vector<mailbox::DeviceSeen>> devices) mutable {
                if (!devices) {
                    return done(refuse(devices.error()));
                }
                said["devices"] = devices->size();
                if (parts.node == nullptr) {
                    said["sessions"] = 0;
                    return done(answer(said));
                }
                parts.node->list_sessions({mailbox.application, mailbox.user}, 1,
                                          [said = std::move(said), done = std::move(done)](
                                              const server::SessionList& sessions) mutable {
                                              said["sessions"] = sessions.total;
                                              done(answer(said));
                                          });
            });
    });
}

// The ban is durable before the sessions end, so that none comes back.
void set_disabled(const AdminParts& parts, const MailboxId& mailbox, bool disabled, Done done) {
    parts.store.set_disabled(
        mailbox, disabled,
        [parts, mailbox, disabled, done = std::move(done)](Result<void> written) mutable {
            if (!written) {
                return done(refuse(written.error()));
            }
            parts.log.info(disabled ? "admin.user_disabled" : "admin.user_enabled",
                           {{"application", mailbox.application.value()}});
            if (!disabled) {
                return show(parts, mailbox, std::move(done));
            }
            end_sessions(parts, {mailbox.application, mailbox.user},
                         make_error(ErrorCode::refused_by_policy, "this user is disabled"),
                         [parts, mailbox, done = std::move(done)](std::size_t) mutable {
                             show(parts, mailbox, std::move(done));
                         });
        });
}

void enable(const AdminParts& parts, const MailboxId& mailbox, Done done) {
    parts.store.user(mailbox, [parts, mailbox,
                               done = std::move(done)](Result<mailbox::UserState> state) mutable {
        if (!state) {
            return done(refuse(state.error()));
        }
        if (!state->disabled) {
            return done(state->exists ? refuse(409, "the user " + shown(mailbox.user.value()) +
                                                        " is not disabled")
                                      : no_user(mailbox));
        }
        if (state->exists) {
            return set_disabled(parts, mailbox, false, std::move(done));
        }
        // Nothing is left to show.
        parts.store.set_disabled(
            mailbox, false, [mailbox, done = std::move(done)](Result<void> written) mutable {
                done(written ? answer(to_json(mailbox, {})) : refuse(written.error()));
            });
    });
}

// What is erased is gone before the sessions end; a device that comes back finds an empty mailbox.
void erase(const AdminParts& parts, const MailboxId& mailbox, Done done) {
    parts.store.erase(
        mailbox, [parts, mailbox, done = std::move(done)](Result<bool> erased) mutable {
            if (!erased) {
                return done(refuse(erased.error()));
            }
            if (!*erased) {
                return done(no_user(mailbox));
            }
            parts.log.info("admin.user_erased", {{"application", mailbox.application.value()}});
            end_sessions(parts, {mailbox.application, mailbox.user},
                         make_error(ErrorCode::mailbox_reset, "this user was erased: reconnect"),
                         [parts, mailbox, done = std::move(done)](std::size_t ended) mutable {
                             ordered_json said{{"application", mailbox.application.value()},
                                               {"user", mailbox.user.value()},
                                               {"erased", true},
                                               {"ended_sessions", ended}};
                             if (const auto damage = parts.store.trouble()) {
                                 said["damage"] = *damage;
                             }
                             done(answer(said));
                         });
        });
}

using OfOne = void (*)(const AdminParts&, const MailboxId&, Done);

void add_for_one(AdminRouter& router, const AdminParts& parts, std::string_view method,
                 const std::string& what, OfOne handler) {
    router.add(method, "/v1/applications/{application}/users/{user}" + what,
               [parts, handler](const AdminRequest& request, Done done) {
                   handler(parts, mailbox_of(request), std::move(done));
               });
}

}  // namespace

void add_user_routes(AdminRouter& router, AdminParts parts) {
    router.add(
        "GET", "/v1/applications/{application}/users?after&limit",
        [parts](const AdminRequest& request, Done done) { list(parts, request, std::move(done)); });
    add_for_one(router, parts, "GET", "", show);
    add_for_one(router, parts, "DELETE", "", erase);
    add_for_one(router, parts, "POST", "/enable", enable);
    add_for_one(router, parts, "POST", "/disable",
                [](const AdminParts& all, const MailboxId& mailbox, Done done) {
                    // A key that was mistyped must not look like a ban.
                    if (all.applications.find(mailbox.application) == nullptr) {
                        return done(no_application(mailbox.application));
                    }
                    set_disabled(all, mailbox, true, std::move(done));
                });
}

}  // namespace parley::parleyd
