#pragma once

#include "adapters/asio/tls_server.h"

#include <optional>
#include <string>

namespace parley::parleyd {

// Whether clients take it at this time.
bool is_valid_at(const asio::CertificateValidity& validity, WallTime now);

// What an operator should know of a certificate that is otherwise good: that it has ended, has not
// begun, or ends within 14 days. One line with the date and what to do; nothing if all is well.
std::optional<std::string> certificate_warning(const std::string& file,
                                               const asio::CertificateValidity& validity,
                                               WallTime now);

}  // namespace parley::parleyd
