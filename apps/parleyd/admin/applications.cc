// Applications: their keys, secrets and files.
#include "admin/answer.h"
#include "admin/routes.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

namespace parley::parleyd {
namespace {

using Done = AdminRouter::Done;
using nlohmann::ordered_json;

// Never the secrets: they are in the file.
ordered_json to_json(const ApplicationFiles::Entry& entry) {
    std::error_code ignored;
    return {{"application", entry.application.key.value()},
            {"file", std::filesystem::absolute(entry.file, ignored).lexically_normal().string()},
            {"first", entry.is_first},
            {"previous_secret", entry.has_previous()}};
}

// The files have changed: whoever checks tokens hears of it, then the answer goes out.
void apply(const AdminParts& parts, ordered_json said, Done done) {
    Task finish = [said = std::move(said), done = std::move(done)]() mutable {
        done(answer(said));
    };
    if (parts.node == nullptr) {
        return finish();
    }
    parts.node->set_applications(parts.applications.applications(), std::move(finish));
}

void apply(const AdminParts& parts, std::string_view event,
           const Result<ApplicationFiles::Entry>& entry, Done done) {
    if (!entry) {
        return done(refuse(entry.error()));
    }
    parts.log.info(event, {{"application", entry->application.key.value()}});
    apply(parts, to_json(*entry), std::move(done));
}

void list(const AdminParts& parts, Done done) {
    ordered_json all = ordered_json::array();
    for (const ApplicationFiles::Entry& entry : parts.applications.entries()) {
        all.push_back(to_json(entry));
    }
    done(answer({{"applications", std::move(all)}}));
}

void create(const AdminParts& parts, const AdminRequest& request, Done done) {
    std::optional<std::string> key;
    if (request.values.contains("key")) {
        key = std::string(request["key"]);
        if (parts.applications.find(ApplicationKey(*key)) != nullptr) {
            return done(refuse(409, "there is an application " + *key + " already"));
        }
    }
    apply(parts, "admin.application_created", parts.applications.create(std::move(key)),
          std::move(done));
}

void remove(const AdminParts& parts, const ApplicationFiles::Entry& entry, Done done) {
    if (entry.is_first) {
        return done(refuse(409, entry.application.key.value() +
                                    " is the application of application.json, which a server "
                                    "always has: it cannot be removed"));
    }
    const ApplicationKey key = entry.application.key;
    if (const auto removed = parts.applications.remove(key); !removed) {
        return done(refuse(removed.error()));
    }
    parts.log.info("admin.application_removed", {{"application", key.value()}});
    apply(parts, {{"application", key.value()}, {"removed", true}}, std::move(done));
}

// Erases users, each when the one before is durable: what sessions ask of the store goes in between
// and waits for one erase at most.
struct Erasing {
    AdminParts parts;
    ApplicationKey application;
    std::vector<UserId> users;
    Done done;
    ordered_json said;
    std::size_t next = 0;
    std::size_t erased = 0;
};

void erase_next(const std::shared_ptr<Erasing>& work) {
    if (work->next == work->users.size()) {
        work->said["erased"] = work->erased;
        return work->done(answer(work->said));
    }
    work->parts.store.erase({work->application, work->users[work->next++]},
                            [work](const Result<bool>& erased) {
                                if (!erased) {
                                    return work->done(refuse(erased.error()));
                                }
                                work->erased += *erased ? 1 : 0;
                                erase_next(work);
                            });
}

// Some users of an application that is not served any more, in the order of their names.
void erase_users(const AdminParts& parts, const AdminRequest& request, Done done) {
    constexpr std::size_t kMost = 1000;
    auto work = std::make_shared<Erasing>(
        Erasing{parts, ApplicationKey(std::string(request["application"])), {}, {}, {}});
    if (parts.applications.find(work->application) != nullptr) {
        return done(refuse(409, "the application " + work->application.value() +
                                    " is served: its users would come back; remove it first"));
    }
    work->done = std::move(done);
    const UserId after{std::string(request["after"])};
    parts.store.list(
        work->application, after, kMost, [work, after](Result<std::vector<UserId>> users) {
            if (!users) {
                return work->done(refuse(users.error()));
            }
            work->users = std::move(users).value();
            const bool is_last = work->users.empty();
            work->said = {{"after", is_last ? after.value() : work->users.back().value()},
                          {"more", work->users.size() == kMost}};
            erase_next(work);
        });
}

using OfOne = std::function<void(const AdminParts&, const ApplicationFiles::Entry&, Done)>;

// A route for an application that must be there.
void add_for_one(AdminRouter& router, const AdminParts& parts, std::string_view method,
                 const std::string& what, OfOne handler) {
    router.add(method, "/v1/applications/{application}" + what,
               [parts, handler = std::move(handler)](const AdminRequest& request, Done done) {
                   const ApplicationKey key{std::string(request["application"])};
                   const auto* entry = parts.applications.find(key);
                   if (entry == nullptr) {
                       return done(no_application(key));
                   }
                   handler(parts, *entry, std::move(done));
               });
}

}  // namespace

void add_application_routes(AdminRouter& router, AdminParts parts) {
    router.add("GET", "/v1/applications",
               [parts](const AdminRequest&, Done done) { list(parts, std::move(done)); });
    router.add("POST", "/v1/applications?key", [parts](const AdminRequest& request, Done done) {
        create(parts, request, std::move(done));
    });
    add_for_one(router, parts, "POST", "/rotate",
                [](const auto& all, const auto& entry, Done done) {
                    apply(all, "admin.secret_rotated",
                          all.applications.rotate(entry.application.key), std::move(done));
                });
    add_for_one(router, parts, "POST", "/drop-previous",
                [](const auto& all, const auto& entry, Done done) {
                    if (!entry.has_previous()) {
                        return done(refuse(409, "the application " + entry.application.key.value() +
                                                    " has no previous secret"));
                    }
                    apply(all, "admin.previous_secret_dropped",
                          all.applications.drop_previous(entry.application.key), std::move(done));
                });
    add_for_one(router, parts, "DELETE", "", remove);
    router.add("POST", "/v1/applications/{application}/erase-users?after",
               [parts](const AdminRequest& request, Done done) {
                   erase_users(parts, request, std::move(done));
               });
}

}  // namespace parley::parleyd
