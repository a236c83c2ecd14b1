#include "base/crypto.h"
#include "parley/client.h"

#include <cstdlib>

namespace parley {
namespace {

// File systems allow names of 255 bytes. What is longer than kWhole is cut to kCut and completed by
// its digest, which makes it longer than kWhole again, so that a cut name never equals a whole one.
constexpr std::size_t kWhole = 200;
constexpr std::size_t kCut = 160;

char hex_digit(unsigned value) {
    return "0123456789ABCDEF"[value & 15];
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

std::string folder_name(std::string_view name) {
    std::string encoded;
    for (const char c : name) {
        if (is_plain(c)) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', hex_digit(byte >> 4), hex_digit(byte)};
        }
    }
    if (encoded.size() <= kWhole) {
        return encoded;
    }
    std::string digest;
    for (const unsigned char byte : sha256(name)) {
        digest += {hex_digit(byte >> 4), hex_digit(byte)};
    }
    std::size_t cut = kCut;
    // Not through the middle of %XX.
    if (encoded[cut - 1] == '%') {
        cut -= 1;
    }
    if (encoded[cut - 2] == '%') {
        cut -= 2;
    }
    return encoded.substr(0, cut) + "-" + digest;
}

}  // namespace

Result<std::string> default_store_folder(std::string_view application_key,
                                         std::string_view user_id) {
    if (application_key.empty() || user_id.empty()) {
        return unexpected(make_error(ErrorCode::invalid_argument,
                                     application_key.empty() ? "application_key: must not be empty"
                                                             : "user_id: must not be empty"));
    }
    std::string base;
    // The specification of XDG_DATA_HOME: relative paths in it are to be ignored.
    if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && data[0] == '/') {
        base = data;
    } else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] != '\0') {
        base = std::string(home) + "/.local/share";
    } else {
        return unexpected(make_error(ErrorCode::store_failed,
                                     "neither XDG_DATA_HOME nor HOME is set, so there is no "
                                     "default folder for the local store; name one"));
    }
    return base + "/parley/" + folder_name(application_key) + "/" + folder_name(user_id);
}

std::string_view version() {
    return PARLEY_VERSION;
}

}  // namespace parley
