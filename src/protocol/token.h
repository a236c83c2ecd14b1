#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "parley/result.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Session tokens (R22, spec/semantics.md): a JWT signed with HS256 under a key derived for the day
// of issue.
namespace parley::protocol {

inline constexpr std::string_view kDefaultIssuerPrefix = "//rtc.sinch.com/applications/";

struct TokenClaims {
    ApplicationKey application;
    UserId user;
    std::optional<DeviceId> device;  // set: opens a session of that device only
    WallTime issued_at;
    WallTime expires_at;
    std::string nonce;
};

// The signing key for a UTC day "YYYYMMDD": HMAC-SHA256(base64-decoded secret, day). Errors:
// invalid_argument if the secret is not base64.
Result<std::string> derive_signing_key(std::string_view base64_secret, std::string_view day);

// A compact token with the claims in the order iss, sub, iat, exp, nonce[, device]. Errors:
// invalid_argument.
Result<std::string> sign_token(const TokenClaims& claims, std::string_view base64_secret,
                               std::string_view issuer_prefix = kDefaultIssuerPrefix);

// The secrets of an application that are valid now (two during a rotation); none: no such
// application.
using SecretsOf = std::function<std::vector<std::string>(const ApplicationKey&)>;

// Checks a token completely, at `now`, with kTokenLeeway. On refusal the one error
// (not_authenticated) whose description names no cause, and the cause for the log in `why`.
Result<TokenClaims> verify_token(std::string_view token, WallTime now, const SecretsOf& secrets,
                                 std::string& why,
                                 std::string_view issuer_prefix = kDefaultIssuerPrefix);

// Reads the claims of a token without checking its signature: for a client that was handed one.
// Errors: invalid_argument.
Result<TokenClaims> read_token(std::string_view token,
                               std::string_view issuer_prefix = kDefaultIssuerPrefix);

}  // namespace parley::protocol
