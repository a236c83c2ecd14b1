#pragma once

#include "adapters/asio/unique_fd.h"
#include "parley/result.h"

#include <cstdint>
#include <string>

namespace parley::asio {

// A socket that listens, non-blocking. A Unix socket's file goes with it.
struct ListeningSocket {
    UniqueFd descriptor;
    std::uint16_t port = 0;  // 0 for a Unix socket
    std::string unix_path;   // empty for TCP

    ListeningSocket() = default;
    ListeningSocket(ListeningSocket&& other) noexcept = default;
    ListeningSocket& operator=(ListeningSocket&& other) noexcept = default;
    ~ListeningSocket() { close(); }
    void close();
};

// Errors (invalid_argument) name the address and say why.
Result<ListeningSocket> open_tcp(const std::string& host, std::uint16_t port);
// Whether a socket could listen there on some port; none does. The same errors.
Result<void> can_listen(const std::string& host);
// The file has mode 0600 from its first moment; one that nobody listens on any more is replaced.
Result<ListeningSocket> open_unix(const std::string& path);

}  // namespace parley::asio
