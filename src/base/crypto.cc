#include "base/crypto.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace parley {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

template <std::size_t N>
std::array<unsigned char, N> digest(const EVP_MD* algorithm, std::string_view data) {
    std::array<unsigned char, N> out;
    unsigned size = 0;
    const int ok = EVP_Digest(data.data(), data.size(), out.data(), &size, algorithm, nullptr);
    PARLEY_ASSERT(ok == 1 && size == N);
    return out;
}

std::string encode(std::string_view data, std::string_view alphabet) {
    std::string out;
    out.reserve((data.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : data) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        held += 8;
        while (held >= 6) {
            held -= 6;
            out.push_back(alphabet[bits >> held & 63]);
        }
    }
    if (held > 0) {
        out.push_back(alphabet[bits << (6 - held) & 63]);
    }
    return out;
}

int value_of(char c, std::string_view alphabet) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == alphabet[62]) {
        return 62;
    }
    return c == alphabet[63] ? 63 : -1;
}

// `text` is without padding.
std::optional<std::string> decode(std::string_view text, std::string_view alphabet) {
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const int value = value_of(c, alphabet);
        if (value < 0) {
            return std::nullopt;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out.push_back(static_cast<char>(bits >> held & 0xff));
        }
    }
    // Bits that belong to no byte are zero, so that one value has one spelling.
    if ((bits & ((1u << held) - 1)) != 0) {
        return std::nullopt;
    }
    return out;
}

}  // namespace

Sha256Digest sha256(std::string_view data) {
    // Fetched once: looking an algorithm up costs more than hashing a short text.
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return digest<32>(algorithm, data);
}

Sha1Digest sha1(std::string_view data) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return digest<20>(algorithm, data);
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view data) {
    Sha256Digest out;
    unsigned size = 0;
    // A null key means "the key of the call before" to this function.
    const char* const bytes = key.empty() ? "" : key.data();
    const auto* const result =
        HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(data.data()), data.size(), out.data(), &size);
    PARLEY_ASSERT(result != nullptr && size == out.size());
    return out;
}

std::string base64_encode(std::string_view data) {
    std::string out = encode(data, kStandard);
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::string base64url_encode(std::string_view data) {
    return encode(data, kUrlSafe);
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; ++padding) {
        text.remove_suffix(1);
    }
    return decode(text, kStandard);
}

std::optional<std::string> base64url_decode(std::string_view text) {
    return decode(text, kUrlSafe);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley
