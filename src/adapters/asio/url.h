#pragma once

#include "parley/result.h"

#include <cstdint>
#include <string>

namespace parley::asio {

// The parts of ws://HOST[:PORT] or wss://HOST[:PORT].
struct ServerUrl {
    bool tls = false;
    std::string host;  // without brackets
    std::uint16_t port = 0;
    std::string authority;  // as it stands in a Host field: brackets, and the port if it is given
};

// An error (invalid_argument) quotes the URL and says what is wrong with it.
Result<ServerUrl> parse_url(const std::string& url);

}  // namespace parley::asio
