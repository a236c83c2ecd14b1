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

}  // namespace
}  // namespace parley::parleyd
