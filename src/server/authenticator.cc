#include "server/authenticator.h"

#include "wire/frames.h"

#include <algorithm>
#include <utility>

namespace parley::server {

Authenticator::Authenticator(std::shared_ptr<const Applications> applications,
                             std::string issuer_prefix, io::WallClock& clock, Logger log)
    : applications_(std::move(applications)),
      issuer_prefix_(std::move(issuer_prefix)),
      clock_(clock),
      log_(log) {}

void Authenticator::set(std::shared_ptr<const Applications> applications) {
    applications_ = std::move(applications);
}

Result<protocol::TokenClaims> Authenticator::check(std::string_view token, const DeviceId& device,
                                                   std::string_view address) const {
    std::string application = "unknown";  // what a stranger claims is not put into the log
    const protocol::SecretsOf secrets = [&](const ApplicationKey& key) {
        const auto found = applications_->find(key);
        if (found == applications_->end()) {
            return std::vector<std::string>{};
        }
        application = key.value();
        return found->second;
    };
    std::string why;
    auto claims = protocol::verify_token(token, clock_.now(), secrets, why, issuer_prefix_);
    if (claims && claims->device && *claims->device != device) {
        why = "the token is for another device";
    } else if (claims && !wire::is_user_id(claims->user.value())) {
        why = "the token's user id is not one";
    } else if (claims) {
        return claims;
    }
    log_.warn("token.refused", {{"why", why}, {"application", application}, {"address", address}});
    // The same words as verify_token's: a client is not told the cause.
    return unexpected(make_error(ErrorCode::not_authenticated,
                                 "the token was refused; the server's log says why"));
}

Duration Authenticator::remaining(const protocol::TokenClaims& claims) const {
    // A token may claim any end; a century is as good as forever and can be added to an Instant.
    constexpr std::int64_t kCenturyMs = std::int64_t{100} * 365 * 24 * 3600 * 1000;
    const std::int64_t now = to_ms(clock_.now());
    const std::int64_t end =
        std::clamp(to_ms(claims.expires_at), now - kCenturyMs, now + kCenturyMs);
    return std::chrono::milliseconds(end - now);
}

}  // namespace parley::server
