#include "base/crypto.h"

#include "base/assert.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>

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

// Fetched once: looking an algorithm up costs more than hashing a short text.
const EVP_MD* algorithm_sha256() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return algorithm;
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

// The value of each character, -1 of those that are none.
using Values = std::array<signed char, 256>;

constexpr Values values_of(std::string_view alphabet) {
    Values values{};
    values.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
    }
    return values;
}

constexpr Values kStandardValues = values_of(kStandard);
constexpr Values kUrlSafeValues = values_of(kUrlSafe);

// `text` is without padding.
std::optional<std::string> decode(std::string_view text, const Values& values) {
    if (text.size() % 4 == 1) {
        return std::nullopt;
    }
    std::string out(text.size() * 3 / 4, '\0');
    char* next = out.data();
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const int value = values[static_cast<unsigned char>(c)];
        if (value < 0) {
            return std::nullopt;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *next++ = static_cast<char>(bits >> held & 0xff);
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
    return digest<32>(algorithm_sha256(), data);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    PARLEY_ASSERT(context_ != nullptr);
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
    EVP_MD_CTX_free(context);
}

Sha256Digest Sha256::operator()(std::string_view data) {
    Sha256Digest out;
    unsigned size = 0;
    const bool ok = EVP_DigestInit_ex2(context_.get(), algorithm_sha256(), nullptr) == 1 &&
                    EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1 &&
                    EVP_DigestFinal_ex(context_.get(), out.data(), &size) == 1;
    PARLEY_ASSERT(ok && size == out.size());
    return out;
}

Sha1Digest sha1(std::string_view data) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return digest<20>(algorithm, data);
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view data) {
    // Made once and copied: finding both algorithms costs more than a short text.
    static const EVP_MAC_CTX* const prepared = [] {
        EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        EVP_MAC_CTX* const context = EVP_MAC_CTX_new(hmac);
        char digest[] = "SHA256";
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end()};
        // With some key: what was never initialised cannot be copied by every OpenSSL 3.0.
        const unsigned char some_key = 0;
        PARLEY_ASSERT(context != nullptr && EVP_MAC_init(context, &some_key, 1, parameters) == 1);
        return context;
    }();
    const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(
        EVP_MAC_CTX_dup(prepared), EVP_MAC_CTX_free);
    Sha256Digest out;
    std::size_t size = 0;
    // A null key means "the key of the call before" to this function.
    const char* const bytes = key.empty() ? "" : key.data();
    const bool ok =
        context != nullptr &&
        EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(bytes), key.size(),
                     nullptr) == 1 &&
        EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(data.data()),
                       data.size()) == 1 &&
        EVP_MAC_final(context.get(), out.data(), &size, out.size()) == 1;
    PARLEY_ASSERT(ok && size == out.size());
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
    return decode(text, kStandardValues);
}

std::optional<std::string> base64url_decode(std::string_view text) {
    return decode(text, kUrlSafeValues);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley
