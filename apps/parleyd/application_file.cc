#include "application_file.h"

#include "base/crypto.h"
#include "base/limits.h"
#include "base/try.h"
#include "files.h"
#include "parley/error.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace parley::parleyd {
namespace {

constexpr std::size_t kLargestFile = 64 * 1024;
constexpr std::size_t kSecretBytes = 16;

unexpected malformed(const std::string& path, const std::string& what) {
    return unexpected(make_error(
        ErrorCode::invalid_argument,
        path + ": " + what + "; restore the file, or move it away to begin a new application"));
}

// A random UUID (RFC 9562, version 4).
std::string make_key(io::Entropy& entropy) {
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

// On one line and not longer than a line.
std::string shown(std::string_view text) {
    constexpr std::size_t kShown = 200;
    std::string line(text.substr(0, kShown));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    return line;
}

// No token can name another one (protocol/token.h).
bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= kIdCharacters &&
           std::all_of(key.begin(), key.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

}  // namespace

Result<server::Application> read_application(const std::string& path,
                                             std::string_view issuer_prefix) {
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
    if (!is_key(key)) {
        return malformed(path, "\"applicationKey\" is not made of 1 to 64 URL-safe characters");
    }
    // What the secret is must not reach a log.
    if (const auto decoded = base64_decode(secret); !decoded || decoded->empty()) {
        return malformed(path, "\"applicationSecret\" is not base64");
    }
    if (const std::string wanted = std::string(issuer_prefix) + key; issuer != wanted) {
        return unexpected(
            make_error(ErrorCode::invalid_argument,
                       path + ": \"issuer\" is " + shown(issuer) +
                           ", but tokens.issuer_prefix and the key make " + wanted +
                           ": set tokens.issuer_prefix to what the issuer begins with"));
    }
    return server::Application{ApplicationKey(key), {secret}};
}

Result<server::Application> load_or_make_application(const std::string& path,
                                                     std::string_view issuer_prefix,
                                                     io::Entropy& entropy) {
    if (::access(path.c_str(), F_OK) != 0) {
        const std::string key = make_key(entropy);
        const nlohmann::ordered_json json{
            {"applicationKey", key},
            {"applicationSecret", base64_encode(entropy.bytes(kSecretBytes))},
            {"issuer", std::string(issuer_prefix) + key}};
        PARLEY_CHECK(write_private_file(path, json.dump(2) + "\n"));
    }
    return read_application(path, issuer_prefix);
}

}  // namespace parley::parleyd
