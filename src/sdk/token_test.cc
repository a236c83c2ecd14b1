#include "parley/token.h"

#include "base/crypto.h"
#include "sdk/times.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace parley {
namespace {

using std::chrono::system_clock;

TokenRequestOptions request() {
    TokenRequestOptions options;
    options.application_key = "key";
    options.application_secret = "c2VjcmV0";
    options.user_id = "alice";
    return options;
}

TEST(PublicToken, IsReadBackAsItWasSigned) {
    TokenRequestOptions options = request();
    options.device_id = "d1";
    const auto token = sign_token(options);
    ASSERT_TRUE(token) << token.error().description;
    const auto claims = read_token(*token);
    ASSERT_TRUE(claims) << claims.error().description;
    EXPECT_EQ(claims->application_key, "key");
    EXPECT_EQ(claims->user_id, "alice");
    EXPECT_EQ(claims->device_id, "d1");
    EXPECT_EQ(claims->expires_at - claims->issued_at, std::chrono::hours(1));
}

TEST(PublicToken, NamesWhatIsWrongWithARequest) {
    TokenRequestOptions options = request();
    options.application_secret = "not base64!";
    EXPECT_NE(sign_token(options).error().description.find("secret"), std::string::npos);
    options = request();
    options.time_to_live = std::chrono::seconds(0);
    EXPECT_NE(sign_token(options).error().description.find("time_to_live"), std::string::npos);
    EXPECT_EQ(read_token("a.b").error().code, ErrorCode::invalid_argument);
}

// A token may end in the year 9999, and a server may say anything; the calendar of the standard
// library ends in 2262.
TEST(PublicToken, MayEndLaterThanTheCalendar) {
    const std::string token =
        base64url_encode(R"({"alg":"HS256","kid":"hkdfv1-20260101"})") + "." +
        base64url_encode(R"({"iss":"//rtc.sinch.com/applications/key",)"
                         R"("sub":"//rtc.sinch.com/applications/key/users/alice",)"
                         R"("iat":1767225600,"exp":253402300799,"nonce":"n"})") +
        ".AAAA";
    const auto claims = read_token(token);
    ASSERT_TRUE(claims) << claims.error().description;
    EXPECT_GT(claims->expires_at, claims->issued_at);
    EXPECT_GT(sdk::to_system(wall_time_from_ms(std::numeric_limits<std::int64_t>::max())),
              system_clock::time_point());
    EXPECT_LT(sdk::to_system(wall_time_from_ms(std::numeric_limits<std::int64_t>::min())),
              system_clock::time_point());
}

}  // namespace
}  // namespace parley
