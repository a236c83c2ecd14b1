#include "certificate.h"

#include "words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace parley::parleyd {
namespace {

constexpr std::chrono::hours kSoon{14 * 24};
constexpr const char* kAdvice = "put a new one there and send SIGHUP";

}  // namespace

std::string date(WallTime time) {
    return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                       fmt::gmtime(static_cast<std::time_t>(to_ms(time) / 1000)));
}

Result<std::shared_ptr<asio::TlsServer>> load_tls(const Settings& settings,
                                                  const std::map<std::string, std::string>& where) {
    auto loaded = asio::TlsServer::load(settings.tls_cert, settings.tls_key);
    if (!loaded) {
        return unexpected(tls_error(settings, where, loaded.error()));
    }
    return loaded;
}

Error tls_error(const Settings& settings, const std::map<std::string, std::string>& where,
                const Error& error) {
    const bool is_of_key = error.description.starts_with(settings.tls_key + ": ");
    return make_error(error.code, name_of_key(is_of_key ? "tls.key" : "tls.cert", where) + ": " +
                                      error.description);
}

bool is_valid_at(const asio::CertificateValidity& validity, WallTime now) {
    return validity.from <= now && now < validity.until;
}

Result<void> judge_successor(const std::string& file, const asio::CertificateValidity& current,
                             const asio::CertificateValidity& next, WallTime now) {
    if (is_valid_at(next, now) || !is_valid_at(current, now)) {
        return {};
    }
    return unexpected(make_error(
        ErrorCode::invalid_argument,
        fmt::format("{}; the one in use, valid until {}, stays",
                    certificate_warning(file, next, now).value_or(file), date(current.until))));
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
