#include "admin/answer.h"

#include "application_file.h"
#include "wire/frames.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

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

std::optional<MailboxId> mailbox_of(const AdminRequest& request) {
    if (!is_application_key(request["application"]) || !wire::is_user_id(request["user"])) {
        return std::nullopt;
    }
    return MailboxId{ApplicationKey(std::string(request["application"])),
                     UserId(std::string(request["user"]))};
}

std::size_t number_of(const AdminRequest& request, std::string_view name, std::size_t otherwise,
                      std::size_t most) {
    const std::string_view text = request[name];
    std::size_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = read.ec == std::errc() && read.ptr == text.data() + text.size();
    return is_number ? std::clamp<std::size_t>(number, 1, most) : otherwise;
}

}  // namespace parley::parleyd
