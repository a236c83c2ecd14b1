#include "admin/answer.h"

#include "values.h"
#include "words.h"

#include <nlohmann/json.hpp>

namespace parley::parleyd {

io::HttpResponse answer(const nlohmann::ordered_json& json) {
    io::HttpResponse response;
    response.body =
        json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    return response;
}

io::HttpResponse refuse(const Error& error) {
    return refuse(503, error.description);
}

io::HttpResponse no_application(const ApplicationKey& application) {
    return refuse(404, "there is no application " + shown(application.value()) +
                           "; parleyd app list shows all");
}

io::HttpResponse no_user(const MailboxId& mailbox) {
    return refuse(404, "there is no user " + shown(mailbox.user.value()) + " in application " +
                           shown(mailbox.application.value()));
}

MailboxId mailbox_of(const AdminRequest& request) {
    return {ApplicationKey(std::string(request["application"])),
            UserId(std::string(request["user"]))};
}

std::size_t limit_of(const AdminRequest& request) {
    return static_cast<std::size_t>(parse_count(request["limit"]).value_or(kListed));
}

}  // namespace parley::parleyd
