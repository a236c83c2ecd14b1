#pragma once

#include "base/bytes.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace parley {

using Sha256Digest = std::array<unsigned char, 32>;
using Sha1Digest = std::array<unsigned char, 20>;

Sha256Digest sha256(std::string_view data);
// The same for who hashes something for each message: its memory is asked for once.
class Sha256 {
  public:
    Sha256();
    Sha256Digest operator()(std::string_view data);

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};
// Only for the WebSocket handshake (RFC 6455, 1.3), where it is no protection.
Sha1Digest sha1(std::string_view data);
Sha256Digest hmac_sha256(std::string_view key, std::string_view data);

// RFC 4648, section 4 (with padding) and section 5 (URL-safe, without padding). Decoding is strict:
// no white space, no foreign character, no stray bits; nothing on error.
std::string base64_encode(std::string_view data);
std::string base64url_encode(std::string_view data);
std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base64url_decode(std::string_view text);

// Takes the same time wherever the first difference is.
bool equal_in_constant_time(std::string_view a, std::string_view b);

inline std::string_view as_text(const Sha256Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
inline std::string_view as_text(const Sha1Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace parley
