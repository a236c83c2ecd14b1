#include "parley/token.h"

#include "adapters/asio/clock.h"
#include "adapters/asio/entropy.h"
#include "base/crypto.h"
#include "base/try.h"
#include "protocol/token.h"
#include "sdk/times.h"
#include "wire/frames.h"

namespace parley {
namespace {

Error invalid(std::string description) {
    return make_error(ErrorCode::invalid_argument, std::move(description));
}

}  // namespace

Result<std::string> sign_token(const TokenRequestOptions& options) {
    if (!wire::is_identifier(options.application_key)) {
        return unexpected(
            invalid("application_key: must be 1 to 64 characters of A-Z a-z 0-9 - _, found " +
                    std::to_string(options.application_key.size()) + " bytes"));
    }
    if (options.application_secret.empty()) {
        return unexpected(invalid("application_secret: must not be empty"));
    }
    if (!wire::is_user_id(options.user_id)) {
        return unexpected(
            invalid("user_id: must be 1 to 255 printable ASCII characters without space, found " +
                    std::to_string(options.user_id.size()) + " bytes"));
    }
    if (options.device_id && !wire::is_identifier(*options.device_id)) {
        return unexpected(
            invalid("device_id: must be 1 to 64 characters of A-Z a-z 0-9 - _, found " +
                    std::to_string(options.device_id->size()) + " bytes"));
    }
    if (options.time_to_live < std::chrono::seconds(1)) {
        return unexpected(invalid("time_to_live: must be at least one second"));
    }
    protocol::TokenClaims claims;
    claims.application = ApplicationKey(options.application_key);
    claims.user = UserId(options.user_id);
    if (options.device_id) {
        claims.device = DeviceId(*options.device_id);
    }
    claims.issued_at = asio::SystemWallClock().now();
    // A century is as good as for ever, and keeps the sum in range.
    const auto longest = std::chrono::hours(24 * 36525);
    claims.expires_at =
        claims.issued_at + std::min<std::chrono::seconds>(options.time_to_live, longest);
    claims.nonce = base64url_encode(asio::SystemEntropy().bytes(16));
    return protocol::sign_token(claims, options.application_secret, options.issuer_prefix);
}

Result<TokenClaims> read_token(std::string_view token, std::string_view issuer_prefix) {
    PARLEY_TRY(auto claims, protocol::read_token(token, issuer_prefix));
    TokenClaims result;
    result.application_key = std::move(claims.application).value();
    result.user_id = std::move(claims.user).value();
    if (claims.device) {
        result.device_id = std::move(*claims.device).value();
    }
    result.issued_at = sdk::to_system(claims.issued_at);
    result.expires_at = sdk::to_system(claims.expires_at);
    return result;
}

}  // namespace parley
