#include "protocol/token.h"

#include "base/crypto.h"
#include "base/limits.h"
#include "base/try.h"
#include "protocol/token_object.h"
#include "wire/frames.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <variant>

namespace parley::protocol {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kKidPrefix = "hkdfv1-";
constexpr std::string_view kUsers = "/users/";
// A token with the longest ids that there can be is about a quarter of it.
constexpr std::size_t kTokenBytes = 8192;
constexpr std::int64_t kSecondsEnd = 253402300800;  // the year 10000

unexpected invalid(std::string description) {
    return unexpected(make_error(ErrorCode::invalid_argument, std::move(description)));
}

std::string utc_day(WallTime at) {
    using namespace std::chrono;
    const sys_days day = floor<days>(sys_time<milliseconds>(at.time_since_epoch()));
    const year_month_day date(day);
    const auto number = static_cast<unsigned>(static_cast<int>(date.year())) * 10000 +
                        static_cast<unsigned>(date.month()) * 100 +
                        static_cast<unsigned>(date.day());
    std::string text = std::to_string(number);
    text.insert(0, text.size() < 8 ? 8 - text.size() : 0, '0');
    return text;
}

std::int64_t to_seconds(WallTime at) {
    return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

bool is_application_key(std::string_view key) {
    return wire::is_identifier(key);
}

// The three parts of a compact token; `text` is what the signature covers.
struct Compact {
    std::string_view text;
    std::string header;
    std::string payload;
    std::string signature;
};

Result<Compact> split(std::string_view token) {
    if (token.size() > kTokenBytes) {
        return invalid("the token has " + std::to_string(token.size()) + " bytes, the limit is " +
                       std::to_string(kTokenBytes));
    }
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos) {
        return invalid("the token has not three parts");
    }
    auto header = base64url_decode(token.substr(0, first));
    auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
    auto signature = base64url_decode(token.substr(second + 1));
    if (!header || !payload || !signature) {
        return invalid("a part of the token is not base64url");
    }
    return Compact{token.substr(0, second), std::move(*header), std::move(*payload),
                   std::move(*signature)};
}

Result<std::string_view> text_of(const TokenObject& object, std::string_view name) {
    const TokenObject::Value value = object.find(name);
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        return *text;
    }
    return invalid("the token's " + std::string(name) + " is missing or not a text");
}

Result<WallTime> time_of(const TokenObject& object, std::string_view name) {
    const TokenObject::Value value = object.find(name);
    if (const auto* whole = std::get_if<TokenObject::Whole>(&value)) {
        if (whole->value < 0 || whole->value >= kSecondsEnd) {
            return invalid("the token's " + std::string(name) + " is out of range");
        }
        return wall_time_from_ms(whole->value * 1000);
    }
    return invalid("the token's " + std::string(name) + " is missing or not a whole number");
}

Result<TokenClaims> read_claims(const std::string& payload, std::string_view issuer_prefix) {
    PARLEY_TRY(const TokenObject object, TokenObject::read(payload, "payload"));
    TokenClaims claims;
    PARLEY_TRY(const std::string_view issuer, text_of(object, "iss"));
    if (!issuer.starts_with(issuer_prefix) ||
        !is_application_key(issuer.substr(issuer_prefix.size()))) {
        return invalid("the token's iss is not " + std::string(issuer_prefix) +
                       "{application key}");
    }
    claims.application = ApplicationKey(std::string(issuer.substr(issuer_prefix.size())));
    // By prefix: a user id may itself contain "/users/".
    PARLEY_TRY(const std::string_view subject, text_of(object, "sub"));
    const std::size_t users = issuer.size() + kUsers.size();
    if (!subject.starts_with(issuer) || !subject.substr(issuer.size()).starts_with(kUsers) ||
        !wire::is_user_id(subject.substr(users))) {
        return invalid("the token's sub is not {iss}/users/{user id}");
    }
    claims.user = UserId(std::string(subject.substr(users)));
    PARLEY_TRY(claims.issued_at, time_of(object, "iat"));
    PARLEY_TRY(claims.expires_at, time_of(object, "exp"));
    PARLEY_TRY(const std::string_view nonce, text_of(object, "nonce"));
    claims.nonce = nonce;
    if (object.has("device")) {
        PARLEY_TRY(const std::string_view device, text_of(object, "device"));
        if (!wire::is_identifier(device)) {
            return invalid("the token's device is not a device id");
        }
        claims.device = DeviceId(std::string(device));
    }
    return claims;
}

// The day of the signing key that the header names.
Result<std::string> read_header(const std::string& header) {
    PARLEY_TRY(const TokenObject object, TokenObject::read(header, "header"));
    PARLEY_TRY(const std::string_view algorithm, text_of(object, "alg"));
    if (algorithm != "HS256") {
        return invalid("the token's alg is not HS256");
    }
    if (object.has("crit")) {
        return invalid("the token's header demands an extension (crit)");
    }
    PARLEY_TRY(const std::string_view kid, text_of(object, "kid"));
    if (!kid.starts_with(kKidPrefix) || kid.size() != kKidPrefix.size() + 8) {
        return invalid("the token's kid is not hkdfv1-YYYYMMDD");
    }
    return std::string(kid.substr(kKidPrefix.size()));
}

bool is_signed_by(const Compact& compact, std::string_view day, const std::string& secret) {
    const Result<std::string> key = derive_signing_key(secret, day);
    return key &&
           equal_in_constant_time(as_text(hmac_sha256(*key, compact.text)), compact.signature);
}

Result<TokenClaims> verify(std::string_view token, WallTime now, const SecretsOf& secrets,
                           std::string_view issuer_prefix) {
    PARLEY_TRY(const Compact compact, split(token));
    PARLEY_TRY(const std::string day, read_header(compact.header));
    PARLEY_TRY(TokenClaims claims, read_claims(compact.payload, issuer_prefix));
    const std::vector<std::string> of_application = secrets(claims.application);
    if (of_application.empty()) {
        return invalid("there is no such application");
    }
    bool is_signed = false;
    for (const std::string& secret : of_application) {
        is_signed = is_signed_by(compact, day, secret) || is_signed;
    }
    if (!is_signed) {
        return invalid("no secret of its application signed the token");
    }
    if (day != utc_day(claims.issued_at)) {
        return invalid("the token's kid is not of the day of its iat");
    }
    if (claims.issued_at > now + kTokenLeeway) {
        return invalid("the token was issued in the future");
    }
    if (claims.expires_at + kTokenLeeway <= now) {
        return invalid("the token has ended");
    }
    return claims;
}

}  // namespace

Result<std::string> derive_signing_key(std::string_view base64_secret, std::string_view day) {
    const auto secret = base64_decode(base64_secret);
    if (!secret || secret->empty()) {
        return invalid("the application secret is not base64");
    }
    return std::string(as_text(hmac_sha256(*secret, day)));
}

Result<std::string> sign_token(const TokenClaims& claims, std::string_view base64_secret,
                               std::string_view issuer_prefix) {
    if (!is_application_key(claims.application.value())) {
        return invalid("the application key is not 1 to 64 characters out of A-Z a-z 0-9 - _");
    }
    if (!wire::is_user_id(claims.user.value())) {
        return invalid("the user id is not 1 to 255 bytes of printable ASCII without space");
    }
    if (claims.device && !wire::is_identifier(claims.device->value())) {
        return invalid("the device id is not 1 to 64 characters out of A-Z a-z 0-9 - _");
    }
    const std::int64_t issued = to_seconds(claims.issued_at);
    const std::int64_t expires = to_seconds(claims.expires_at);
    if (issued < 0 || expires >= kSecondsEnd || expires <= issued) {
        return invalid("a token ends after it was issued, and before the year 10000");
    }
    if (!wire::is_utf8(claims.nonce) || !wire::is_utf8(issuer_prefix)) {
        return invalid("the nonce or the issuer prefix is not valid UTF-8");
    }
    const std::string day = utc_day(claims.issued_at);
    PARLEY_TRY(const std::string key, derive_signing_key(base64_secret, day));
    const std::string issuer = std::string(issuer_prefix) + claims.application.value();
    const Json header = {{"alg", "HS256"}, {"kid", std::string(kKidPrefix) + day}};
    Json payload = {{"iss", issuer},
                    {"sub", issuer + std::string(kUsers) + claims.user.value()},
                    {"iat", issued},
                    {"exp", expires},
                    {"nonce", claims.nonce}};
    if (claims.device) {
        payload["device"] = claims.device->value();
    }
    std::string token = base64url_encode(header.dump()) + "." + base64url_encode(payload.dump());
    const std::string signature = base64url_encode(as_text(hmac_sha256(key, token)));
    return token.append(".").append(signature);
}

Result<TokenClaims> verify_token(std::string_view token, WallTime now, const SecretsOf& secrets,
                                 std::string& why, std::string_view issuer_prefix) {
    auto claims = verify(token, now, secrets, issuer_prefix);
    if (!claims) {
        why = claims.error().description;
        return unexpected(make_error(ErrorCode::not_authenticated,
                                     "the token was refused; the server's log says why"));
    }
    return claims;
}

Result<TokenClaims> read_token(std::string_view token, std::string_view issuer_prefix) {
    PARLEY_TRY(const Compact compact, split(token));
    PARLEY_CHECK(read_header(compact.header));
    return read_claims(compact.payload, issuer_prefix);
}

}  // namespace parley::protocol
