#include "certificate.h"

#include "words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace parley::parleyd {
namespace {

constexpr std::chrono::hours kSoon{14 * 24};
constexpr const char* kAdvice = "put a new one there and send SIGHUP";

std::string date(WallTime time) {
    return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                       fmt::gmtime(static_cast<std::time_t>(to_ms(time) / 1000)));
}

}  // namespace

bool is_valid_at(const asio::CertificateValidity& validity, WallTime now) {
    return validity.from <= now && now < validity.until;
}

std::optional<std::string> certificate_warning(const std::string& file,
                                               const asio::CertificateValidity& validity,
                                               WallTime now) {
    if (now < validity.from) {
        return fmt::format(
            "{}: the certificate is not valid before {}: clients refuse it until then (is this "
            "machine's clock right?)",
            file, date(validity.from));
    }
    if (now >= validity.until) {
        return fmt::format("{}: the certificate ended on {}: clients refuse it; {}", file,
                           date(validity.until), kAdvice);
    }
    if (validity.until - now < kSoon) {
        return fmt::format(
            "{}: the certificate ends on {}, in {}; {}", file, date(validity.until),
            counted(static_cast<std::uint64_t>((validity.until - now) / std::chrono::hours(24)),
                    "day"),
            kAdvice);
    }
    return std::nullopt;
}

}  // namespace parley::parleyd
