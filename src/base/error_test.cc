#include "parley/error.h"

#include "base/try.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(Error, CarriesTheDomainAndRetryabilityOfItsCode) {
    const Error unknown = make_error(ErrorCode::recipient_unknown, "no user bob");
    EXPECT_EQ(unknown.domain, ErrorDomain::capability);
    EXPECT_FALSE(unknown.retryable);
    EXPECT_EQ(unknown.description, "no user bob");
    EXPECT_EQ(make_error(ErrorCode::timed_out, "x").domain, ErrorDomain::network);
    EXPECT_TRUE(make_error(ErrorCode::server_error, "x").retryable);
    EXPECT_EQ(make_error(ErrorCode::draining, "x").domain, ErrorDomain::session);
    EXPECT_TRUE(make_error(ErrorCode::mailbox_reset, "x").retryable);
    EXPECT_FALSE(make_error(ErrorCode::replaced, "x").retryable);
    EXPECT_EQ(make_error(ErrorCode::over_quota, "x").domain, ErrorDomain::other);
    EXPECT_TRUE(make_error(ErrorCode::too_many_connections, "x").retryable);
    EXPECT_EQ(make_error(ErrorCode::message_stale, "x").domain, ErrorDomain::other);
}

TEST(Error, NamesItsDomainsAsTheOriginalDid) {
    EXPECT_EQ(error_domain_name(ErrorDomain::network), "SINErrorDomainNetwork");
    EXPECT_EQ(error_domain_name(ErrorDomain::capability), "SINErrorDomainCapability");
    EXPECT_EQ(error_domain_name(ErrorDomain::session), "SINErrorDomainSession");
    EXPECT_EQ(error_domain_name(ErrorDomain::other), "SINErrorDomainOther");
    EXPECT_EQ(to_string(ErrorDomain::session), "session");
}

Result<int> half(int number) {
    if (number % 2 != 0) {
        return unexpected(make_error(ErrorCode::invalid_argument, "odd"));
    }
    return number / 2;
}

Result<int> quarter(int number) {
    PARLEY_TRY(const int once, half(number));
    PARLEY_CHECK(half(once));
    return half(once);
}

TEST(Result, HandsErrorsOn) {
    EXPECT_EQ(*quarter(12), 3);
    ASSERT_FALSE(quarter(6));
    EXPECT_EQ(quarter(6).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(quarter(5).value_or(7), 7);
}

}  // namespace
}  // namespace parley
