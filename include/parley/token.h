#pragma once

#include "parley/export.h"
#include "parley/result.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// The start of every token's issuer, which the application key follows. A server can be configured
// to another; "issuer" in the file application.json that it writes is prefix and key together.
inline constexpr std::string_view kDefaultIssuerPrefix = "//rtc.sinch.com/applications/";

// What a token is for. A token lets its bearer be `user_id` until it ends, so it is as confidential
// as a password.
struct TokenRequestOptions {
    std::string application_key;
    // Base64, as the server's application.json has it. It can sign for every user: it belongs on
    // your own backend, and in an app only while you develop.
    std::string application_secret;
    std::string user_id;
    // Set: the token opens a session of this device only.
    std::optional<std::string> device_id;
    // How long it can open sessions, counted from now; a session ends with its token. At least one
    // second.
    std::chrono::seconds time_to_live = std::chrono::hours(1);
    std::string issuer_prefix = std::string(kDefaultIssuerPrefix);
};

// Signs a token on this machine (spec/semantics.md, R22): HS256 with a key of the day. Errors:
// invalid_argument if the secret is not base64 or empty, an id is malformed, or the time to live is
// not positive. Any thread; needs no client.
PARLEY_EXPORT Result<std::string> sign_token(const TokenRequestOptions& options);

// What a token says about itself.
struct TokenClaims {
    std::string application_key;
    std::string user_id;
    std::optional<std::string> device_id;
    std::chrono::system_clock::time_point issued_at;
    std::chrono::system_clock::time_point expires_at;
};

// Reads a token without checking its signature, for example to learn whose it is before a client is
// made. Errors: invalid_argument if it is not a token, or its issuer does not begin with
// `issuer_prefix`. Any thread; needs no client.
PARLEY_EXPORT Result<TokenClaims> read_token(std::string_view token,
                                             std::string_view issuer_prefix = kDefaultIssuerPrefix);

}  // namespace parley
