#include "certificate.h"

#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

using namespace std::chrono_literals;

const WallTime kNow = wall_time_from_ms(1'800'000'000'000);  // 2027-01-15 08:00

std::string warning(WallTime from, WallTime until) {
    return certificate_warning("server.crt", {from, until}, kNow).value_or("");
}

TEST(CertificateWarning, IsSilentWhileAllIsWell) {
    EXPECT_EQ(warning(kNow - 1h, kNow + 24h * 14), "");
}

TEST(CertificateWarning, SaysTheDateTwoWeeksBeforeTheEnd) {
    EXPECT_EQ(warning(kNow - 1h, kNow + 24h * 14 - 1s),
              "server.crt: the certificate ends on 2027-01-29 07:59 UTC, in 13 days; put a new one "
              "there and send SIGHUP");
}

TEST(CertificateWarning, SaysThatItHasEnded) {
    EXPECT_EQ(warning(kNow - 1h, kNow),
              "server.crt: the certificate ended on 2027-01-15 08:00 UTC: clients refuse it; put a "
              "new one there and send SIGHUP");
}

TEST(CertificateWarning, SaysThatItHasNotBegun) {
    EXPECT_EQ(
        warning(kNow + 1h, kNow + 24h * 100),
        "server.crt: the certificate is not valid before 2027-01-15 09:00 UTC: clients refuse "
        "it until then (is this machine's clock right?)");
}

std::string successor(asio::CertificateValidity current, asio::CertificateValidity next) {
    const auto judged = judge_successor("server.crt", current, next, kNow);
    return judged ? "" : judged.error().description;
}

TEST(CertificateSuccessor, IsRefusedIfClientsRefuseItAndTakeTheOneInUse) {
    const asio::CertificateValidity good{kNow - 1h, kNow + 24h};
    const asio::CertificateValidity ended{kNow - 2h, kNow};
    const asio::CertificateValidity later{kNow + 1h, kNow + 48h};
    EXPECT_EQ(successor(good, ended),
              "server.crt: the certificate ended on 2027-01-15 08:00 UTC: clients refuse it; put a "
              "new one there and send SIGHUP; the one in use, valid until 2027-01-16 08:00 UTC, "
              "stays");
    EXPECT_NE(successor(good, later), "");
    EXPECT_EQ(successor(good, good), "");
    // What is in use serves nobody: nothing is lost by another.
    EXPECT_EQ(successor(ended, later), "");
    EXPECT_EQ(successor(ended, ended), "");
    EXPECT_EQ(successor(later, good), "");
}

}  // namespace
}  // namespace parley::parleyd
