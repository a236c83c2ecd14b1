#include "admin/names.h"

#include "application_file.h"
#include "values.h"
#include "wire/frames.h"
#include "words.h"

#include <fmt/format.h>

namespace parley::parleyd {
namespace {

struct Name {
    std::string_view name;
    bool (*fits)(std::string_view value);
    std::string_view wanted;
};

constexpr std::string_view kKey = "an application key is 1 to 64 letters, digits, - and _";
constexpr std::string_view kUser = "a user id is 1 to 255 bytes of printable ASCII without space";
constexpr std::string_view kDevice = "a device id is 1 to 64 letters, digits, - and _";

constexpr Name kNames[] = {
    {"application", is_application_key, kKey},
    {"app", is_application_key, kKey},
    {"key", is_application_key, kKey},
    {"at_app", is_application_key, kKey},
    {"user", wire::is_user_id, kUser},
    {"from", wire::is_user_id, kUser},
    {"at_user", wire::is_user_id, kUser},
    {"device", wire::is_identifier, kDevice},
    {"message", wire::is_identifier, "a message id is 1 to 64 letters, digits, - and _"},
};

}  // namespace

std::optional<std::string> nonsense(const AdminRequest& request) {
    for (const Name& one : kNames) {
        const auto found = request.values.find(one.name);
        if (found != request.values.end() && !one.fits(found->second)) {
            return fmt::format("{}; found \"{}\"", one.wanted, shown(found->second));
        }
    }
    // Where a list begins: nothing means at its start.
    if (const auto after = request["after"]; !after.empty() && !wire::is_user_id(after)) {
        return fmt::format("{}; found \"{}\"", kUser, shown(after));
    }
    const auto limit = request.values.find("limit");
    return limit == request.values.end() ? std::nullopt : wrong_limit("limit", limit->second);
}

std::optional<std::string> wrong_limit(std::string_view name, std::string_view value) {
    const auto count = parse_count(value);
    if (count && *count >= 1 && *count <= kMostListed) {
        return std::nullopt;
    }
    return fmt::format("{}: found \"{}\", wanted a whole number from 1 to {}", name, shown(value),
                       kMostListed);
}

}  // namespace parley::parleyd
