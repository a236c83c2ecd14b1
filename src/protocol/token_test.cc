#include "protocol/token.h"

#include "base/crypto.h"

#include <gtest/gtest.h>

#include <chrono>

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;

// The vector that the original published for its signing scheme.
constexpr const char* kSecret = "ax8hTTQJF0OPXL32r1LHMA==";
constexpr const char* kKey = "a32e5a8d-f7d8-411c-9645-9038e8dd051d";
constexpr WallTime kIssued = wall_time_from_ms(1514862245000);  // 2018-01-02T03:04:05Z

TokenClaims claims() {
    TokenClaims claims;
    claims.application = ApplicationKey(kKey);
    claims.user = UserId("foo");
    claims.issued_at = kIssued;
    claims.expires_at = kIssued + 10min;
    claims.nonce = "6b438bda-2d5c-4e8c-92b0-39f20a94b34e";
    return claims;
}

std::vector<std::string> secrets_of(const ApplicationKey& key) {
    return key.value() == kKey ? std::vector<std::string>{kSecret} : std::vector<std::string>{};
}

// Signed as it is, whatever it says.
std::string forge(std::string_view header, std::string_view payload,
                  std::string_view day = "20180102") {
    const std::string text = base64url_encode(header) + "." + base64url_encode(payload);
    return text + "." +
           base64url_encode(as_text(hmac_sha256(*derive_signing_key(kSecret, day), text)));
}

constexpr std::string_view kHeader = R"({"alg":"HS256","kid":"hkdfv1-20180102"})";

std::string payload(std::string_view replaced = {}, std::string_view by = {}) {
    std::string text =
        R"({"iss":"//rtc.sinch.com/applications/a32e5a8d-f7d8-411c-9645-9038e8dd051d",)"
        R"("sub":"//rtc.sinch.com/applications/a32e5a8d-f7d8-411c-9645-9038e8dd051d/users/foo",)"
        R"("iat":1514862245,"exp":1514862845,"nonce":"n"})";
    if (!replaced.empty()) {
        const std::size_t at = text.find(replaced);
        EXPECT_NE(at, std::string::npos);
        text.replace(at, replaced.size(), by);
    }
    return text;
}

// Why a token is refused; empty: it is not.
std::string refusal(std::string_view token, WallTime now = kIssued + 1min) {
    std::string why;
    const auto verified = verify_token(token, now, secrets_of, why);
    if (verified) {
        return "";
    }
    // R22: one error that does not say which.
    EXPECT_EQ(verified.error().code, ErrorCode::not_authenticated);
    EXPECT_EQ(verified.error().description, "the token was refused; the server's log says why");
    EXPECT_FALSE(why.empty());
    EXPECT_EQ(why.find('\n'), std::string::npos);
    return why;
}

// R22
TEST(Token, FitsThePublishedVector) {
    EXPECT_EQ(base64_encode(*derive_signing_key(kSecret, "20180102")),
              "AZj5EsS8S7wb06xr5jERqPHsraQt3w/+Ih5EfrhisBQ=");
    const std::string token = *sign_token(claims(), kSecret);
    const std::size_t first = token.find('.');
    EXPECT_EQ(base64url_decode(token.substr(0, first)), kHeader);
    EXPECT_EQ(token.substr(token.rfind('.') + 1), "EUltTTD4fxhkwCgLgj6qSQXKawpwQ952Ywm3OwQSARo");
}

// R22
TEST(Token, OpensASessionForItsUser) {
    const std::string token = *sign_token(claims(), kSecret);
    std::string why;
    const auto verified = verify_token(token, kIssued, secrets_of, why);
    ASSERT_TRUE(verified) << why;
    EXPECT_EQ(verified->application, ApplicationKey(kKey));
    EXPECT_EQ(verified->user, UserId("foo"));
    EXPECT_EQ(verified->device, std::nullopt);
    EXPECT_EQ(verified->issued_at, kIssued);
    EXPECT_EQ(verified->expires_at, kIssued + 10min);
    EXPECT_EQ(verified->nonce, claims().nonce);
    const auto read = read_token(token);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->user, UserId("foo"));
    EXPECT_EQ(read->expires_at, kIssued + 10min);
}

// R22
TEST(Token, MayBeForOneDevice) {
    TokenClaims with_device = claims();
    with_device.device = DeviceId("phone-1");
    std::string why;
    const auto verified = verify_token(*sign_token(with_device, kSecret), kIssued, secrets_of, why);
    ASSERT_TRUE(verified) << why;
    EXPECT_EQ(verified->device, DeviceId("phone-1"));
    EXPECT_NE(refusal(forge(kHeader, payload("}", R"(,"device":""})"))), "");
    EXPECT_NE(refusal(forge(kHeader, payload("}", R"(,"device":7})"))), "");
}

TEST(Token, NamesUsersWithSlashes) {
    TokenClaims odd = claims();
    odd.user = UserId("a/users/b\"\\/");
    std::string why;
    const auto verified = verify_token(*sign_token(odd, kSecret), kIssued, secrets_of, why);
    ASSERT_TRUE(verified) << why;
    EXPECT_EQ(verified->user, odd.user);
}

// R22: expiry with 60 s leeway, and as much for a clock that is behind.
TEST(Token, IsGoodFromItsIssueToItsEndWithLeeway) {
    const std::string token = *sign_token(claims(), kSecret);
    EXPECT_EQ(refusal(token, kIssued - 60s), "");
    EXPECT_EQ(refusal(token, kIssued - 61s), "the token was issued in the future");
    EXPECT_EQ(refusal(token, kIssued + 10min + 59s), "");
    EXPECT_EQ(refusal(token, kIssued + 10min + 60s), "the token has ended");
}

// R22: wrong signing date.
TEST(Token, IsSignedWithTheKeyOfTheDayOfItsIssue) {
    constexpr std::string_view kNextDay = R"({"alg":"HS256","kid":"hkdfv1-20180103"})";
    EXPECT_EQ(refusal(forge(kNextDay, payload(), "20180103")),
              "the token's kid is not of the day of its iat");
    EXPECT_NE(refusal(forge(kNextDay, payload(), "20180102")), "");
    TokenClaims midnight = claims();
    for (const WallTime at : {kIssued - 3h - 4min - 5s, kIssued - 3h - 4min - 6s}) {
        midnight.issued_at = at;
        midnight.expires_at = at + 1h;
        EXPECT_EQ(refusal(*sign_token(midnight, kSecret), at), "");
    }
}

// R22: wrong algorithm.
TEST(Token, HasItsAlgorithmPinned) {
    for (const std::string_view header :
         {R"({"alg":"none","kid":"hkdfv1-20180102"})", R"({"alg":"HS512","kid":"hkdfv1-20180102"})",
          R"({"alg":"hs256","kid":"hkdfv1-20180102"})", R"({"kid":"hkdfv1-20180102"})",
          R"({"alg":["HS256"],"kid":"hkdfv1-20180102"})", R"({"alg":"HS256"})",
          R"({"alg":"HS256","kid":"20180102"})", R"({"alg":"HS256","kid":"hkdfv1-2018010"})",
          R"({"alg":"HS256","kid":"hkdfv1-20180102","crit":["x"]})", "[]", "7", "", "{"}) {
        EXPECT_NE(refusal(forge(header, payload())), "") << header;
    }
    EXPECT_EQ(refusal(forge(R"({"typ":"JWT","kid":"hkdfv1-20180102","alg":"HS256"})", payload())),
              "");
}

// R22: wrong key or application.
TEST(Token, IsRefusedUnderAnotherKeyOrApplication) {
    EXPECT_NE(refusal(*sign_token(claims(), "AAAATTQJF0OPXL32r1LHMA==")), "");
    TokenClaims other = claims();
    other.application = ApplicationKey("other");
    EXPECT_NE(refusal(*sign_token(other, kSecret)), "");
    std::string why;
    const auto two = [](const ApplicationKey&) {
        return std::vector<std::string>{"AAAATTQJF0OPXL32r1LHMA==", kSecret};
    };
    EXPECT_TRUE(verify_token(*sign_token(claims(), kSecret), kIssued, two, why)) << why;
    EXPECT_TRUE(verify_token(*sign_token(claims(), "AAAATTQJF0OPXL32r1LHMA=="), kIssued, two, why));
}

TEST(Token, IsRefusedWithClaimsThatAreNotWhole) {
    EXPECT_EQ(refusal(forge(kHeader, payload())), "");
    const std::pair<std::string_view, std::string_view> bends[] = {
        {"1514862245", "\"1514862245\""},
        {"1514862245", "1514862245.5"},
        {"1514862245", "-1"},
        {"1514862245", "1e99"},
        {"1514862845", "null"},
        {"1514862845", "18446744073709551615"},
        {"\"exp\"", "\"xep\""},
        {"\"nonce\"", "\"once\""},
        {"users/foo", "users/"},
        {"users/foo", "users/a b"},
        {"users/foo", "devices/foo"},
        {"//rtc", "//evil"},
        {"\"sub\":\"//rtc", "\"sub\":\"//rtx"},
        {"}", ""},
    };
    for (const auto& [replaced, by] : bends) {
        EXPECT_NE(refusal(forge(kHeader, payload(replaced, by))), "") << replaced << " -> " << by;
    }
    EXPECT_NE(refusal(forge(kHeader, "\xff")), "");
    EXPECT_NE(refusal(forge(kHeader, std::string(4000, '['))), "");
}

TEST(Token, IsRefusedWithAnyCharacterChanged) {
    const std::string token = *sign_token(claims(), kSecret);
    for (std::size_t i = 0; i < token.size(); ++i) {
        for (const char c : {'A', '.', '=', '+', ' ', '\0'}) {
            if (token[i] != c) {
                std::string bent = token;
                bent[i] = c;
                EXPECT_NE(refusal(bent), "") << i;
            }
        }
        EXPECT_NE(refusal(token.substr(0, i)), "");
    }
    EXPECT_NE(refusal(token + "A"), "");
    EXPECT_NE(refusal(token + "."), "");
    EXPECT_NE(refusal(std::string(100000, 'A')), "");
    EXPECT_NE(refusal(std::string(100000, '.')), "");
    EXPECT_FALSE(read_token("a.b.c"));
}

TEST(Token, IsNotSignedWithClaimsThatNobodyWouldTake) {
    const auto refused = [](auto bend, const char* secret = kSecret) {
        TokenClaims bent = claims();
        bend(bent);
        const auto token = sign_token(bent, secret);
        return !token && token.error().code == ErrorCode::invalid_argument;
    };
    EXPECT_TRUE(refused([](TokenClaims& c) { c.user = UserId("a b"); }));
    EXPECT_TRUE(refused([](TokenClaims& c) { c.application = ApplicationKey(""); }));
    EXPECT_TRUE(refused([](TokenClaims& c) { c.device = DeviceId("a.b"); }));
    EXPECT_TRUE(refused([](TokenClaims& c) { c.expires_at = c.issued_at; }));
    EXPECT_TRUE(refused([](TokenClaims& c) { c.nonce = "\xff"; }));
    EXPECT_TRUE(refused([](TokenClaims& c) { c.expires_at = WallTime::max(); }));
    EXPECT_TRUE(refused([](TokenClaims&) {}, "not base64"));
    EXPECT_TRUE(refused([](TokenClaims&) {}, ""));
}

TEST(Token, KnowsAnotherIssuerPrefix) {
    const std::string token = *sign_token(claims(), kSecret, "//example.org/apps/");
    std::string why;
    EXPECT_TRUE(verify_token(token, kIssued, secrets_of, why, "//example.org/apps/")) << why;
    EXPECT_FALSE(verify_token(token, kIssued, secrets_of, why));
}

}  // namespace
}  // namespace parley::protocol
