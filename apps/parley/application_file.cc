#include "application_file.h"

#include "parley/token.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

namespace parley::cli {
namespace {

// The real one has about 200 bytes.
constexpr std::size_t kMost = 64 * 1024;

unexpected invalid(const std::string& path, const std::string& what) {
    return unexpected(make_error(ErrorCode::invalid_argument, "--app: " + path + ": " + what));
}

}  // namespace

Result<ApplicationFile> read_application_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string content(kMost, '\0');
    if (!file || (!file.read(content.data(), kMost) && !file.eof())) {
        return invalid(path, std::string(std::strerror(errno)) +
                                 "; parleyd writes this file into its data folder at its first "
                                 "start: name it with --app, or give a token with --token");
    }
    content.resize(static_cast<std::size_t>(file.gcount()));
    const auto json = nlohmann::json::parse(content, nullptr, false);
    if (!json.is_object()) {
        return invalid(path, "is not a JSON object");
    }
    const auto text = [&](const char* name) {
        const auto found = json.find(name);
        return found != json.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    ApplicationFile result{text("applicationKey"), text("applicationSecret"), text("issuer")};
    if (result.application_key.empty()) {
        return invalid(path, "has no \"applicationKey\"");
    }
    if (result.application_secret.empty()) {
        return invalid(path, "has no \"applicationSecret\"");
    }
    if (result.issuer_prefix.empty()) {
        result.issuer_prefix = kDefaultIssuerPrefix;
    } else if (result.issuer_prefix.ends_with(result.application_key)) {
        result.issuer_prefix.resize(result.issuer_prefix.size() - result.application_key.size());
    } else {
        return invalid(path, "\"issuer\" does not end with the application key");
    }
    return result;
}

}  // namespace parley::cli
