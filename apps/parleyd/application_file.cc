#include "application_file.h"

#include "base/crypto.h"
#include "base/limits.h"
#include "base/try.h"
#include "files.h"
#include "parley/error.h"

#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>

namespace parley::parleyd {
namespace {

constexpr std::size_t kLargestFile = 64 * 1024;
constexpr std::size_t kSecretBytes = 16;
// Beside the fields that every application has.
constexpr const char* kPrevious = "previousApplicationSecret";

unexpected malformed(const std::string& path, const std::string& what) {
    return unexpected(make_error(
        ErrorCode::invalid_argument,
        path + ": " + what + "; restore the file, or move it away to begin a new application"));
}

// On one line and not longer than a line.
std::string shown(std::string_view text) {
    constexpr std::size_t kShown = 200;
    std::string line(text.substr(0, kShown));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    return line;
}

// What the secret is must not reach a log.
bool is_secret(const std::string& text) {
    const auto decoded = base64_decode(text);
    return decoded && !decoded->empty();
}

}  // namespace

Result<server::Application> read_application(const std::string& path,
                                             std::string_view issuer_prefix) {
    // Opening a pipe would wait for whoever writes into it.
    if (struct stat found{}; ::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
        return malformed(path, "is no regular file");
    }
    PARLEY_TRY(const std::string text, read_file(path, kLargestFile));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
        return malformed(path, "is not a JSON object");
    }
    std::string values[3];
    constexpr const char* kNames[] = {"applicationKey", "applicationSecret", "issuer"};
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
        const auto found = json.find(kNames[i]);
        if (found == json.end() || !found->is_string()) {
            return malformed(path, std::string("has no text \"") + kNames[i] + '"');
        }
        values[i] = found->get<std::string>();
    }
    const auto& [key, secret, issuer] = values;
    if (!is_application_key(key)) {
        return malformed(path, "\"applicationKey\" is not made of 1 to 64 URL-safe characters");
    }
    if (!is_secret(secret)) {
        return malformed(path, "\"applicationSecret\" is not base64");
    }
    if (const std::string wanted = std::string(issuer_prefix) + key; issuer != wanted) {
        return unexpected(
            make_error(ErrorCode::invalid_argument,
                       path + ": \"issuer\" is " + shown(issuer) +
                           ", but tokens.issuer_prefix and the key make " + wanted +
                           ": set tokens.issuer_prefix to what the issuer begins with"));
    }
    server::Application application{ApplicationKey(key), {secret}};
    if (const auto found = json.find(kPrevious); found != json.end()) {
        if (!found->is_string() || !is_secret(found->get<std::string>())) {
            return malformed(path, std::string("\"") + kPrevious + "\" is not base64");
        }
        application.secrets.push_back(found->get<std::string>());
    }
    return application;
}

Result<void> write_application(const std::string& path, std::string_view issuer_prefix,
                               const server::Application& application) {
    nlohmann::ordered_json json{{"applicationKey", application.key.value()},
                                {"applicationSecret", application.secrets.front()},
                                {"issuer", std::string(issuer_prefix) + application.key.value()}};
    if (application.secrets.size() > 1) {
        json[kPrevious] = application.secrets[1];
    }
    return write_private_file(path, json.dump(2) + "\n");
}

Result<server::Application> load_or_make_application(const std::string& path,
                                                     std::string_view issuer_prefix,
                                                     io::Entropy& entropy) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        PARLEY_CHECK(write_application(
            path, issuer_prefix,
            {ApplicationKey(make_application_key(entropy)), {make_application_secret(entropy)}}));
    }
    return read_application(path, issuer_prefix);
}

bool is_application_key(std::string_view key) {
    return !key.empty() && key.size() <= kIdCharacters &&
           std::all_of(key.begin(), key.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

// A random UUID (RFC 9562, version 4).
std::string make_application_key(io::Entropy& entropy) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string raw = entropy.bytes(16);
    raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
    raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
    std::string key;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            key += '-';
        }
        const auto byte = static_cast<unsigned char>(raw[i]);
        key += kHex[byte >> 4];
        key += kHex[byte & 0xf];
    }
    return key;
}

std::string make_application_secret(io::Entropy& entropy) {
    return base64_encode(entropy.bytes(kSecretBytes));
}

}  // namespace parley::parleyd
