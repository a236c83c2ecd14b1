#pragma once

#include "adapters/asio/tls_server.h"
#include "settings.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace parley::parleyd {

// The certificate and key of the settings, which name both. Errors name the key that is wrong and
// where it was given, as `where` has it.
Result<std::shared_ptr<asio::TlsServer>> load_tls(const Settings& settings,
                                                  const std::map<std::string, std::string>& where);
// The same words for an error of TlsServer::reload().
Error tls_error(const Settings& settings, const std::map<std::string, std::string>& where,
                const Error& error);

// Whether clients take it at this time.
bool is_valid_at(const asio::CertificateValidity& validity, WallTime now);

// Whether a reload may take `next` over in place of `current`: not where clients refuse it now and
// take the one in use. The error names the file and both dates.
Result<void> judge_successor(const std::string& file, const asio::CertificateValidity& current,
                             const asio::CertificateValidity& next, WallTime now);

// "2027-01-29 07:59 UTC"
std::string date(WallTime time);

// What an operator should know of a certificate that is otherwise good: that it has ended, has not
// begun, or ends within 14 days. One line with the date and what to do; nothing if all is well.
std::optional<std::string> certificate_warning(const std::string& file,
                                               const asio::CertificateValidity& validity,
                                               WallTime now);

}  // namespace parley::parleyd
