// Any text is refused as a token, with a reason of one line: nobody guesses a signature. Header and
// claims are read all the same.
#include "base/assert.h"
#include "base/crypto.h"
#include "protocol/token.h"
#include "protocol/token_object.h"

#include <cstdint>

namespace parley::protocol {
namespace {

constexpr const char* kSecret = "ax8hTTQJF0OPXL32r1LHMA==";

void read(std::string_view token) {
    const auto secrets = [](const ApplicationKey&) { return std::vector<std::string>{kSecret}; };
    const WallTime now = wall_time_from_ms(1514862245000);
    std::string why;
    if (!verify_token(token, now, secrets, why)) {
        PARLEY_ASSERT(!why.empty() && why.find('\n') == std::string::npos);
    }
    (void)read_token(token);
    // A space at the end is left to the JSON parser.
    const auto fast = TokenObject::read(token, "payload");
    const std::string spaced = std::string(token) + " ";
    const auto slow = TokenObject::read(spaced, "payload");
    PARLEY_ASSERT(fast.has_value() == slow.has_value());
    // The same as claims under a good signature, so that the fuzzer gets past it.
    const std::string text = base64url_encode(R"({"alg":"HS256","kid":"hkdfv1-20180102"})") + "." +
                             base64url_encode(token);
    const auto key = derive_signing_key(kSecret, "20180102");
    const auto claims = verify_token(
        text + "." + base64url_encode(as_text(hmac_sha256(*key, text))), now, secrets, why);
    if (claims) {
        PARLEY_ASSERT(claims->expires_at + std::chrono::minutes(1) > now);
        PARLEY_ASSERT(!claims->user.value().empty());
    }
}

}  // namespace
}  // namespace parley::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::protocol::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
