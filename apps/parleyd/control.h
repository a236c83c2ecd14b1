#pragma once

#include "io/acceptor.h"
#include "parley/result.h"

#include <chrono>
#include <optional>
#include <string>

namespace parley::parleyd {

// Sends a request to the running server behind this socket and waits for its answer, however long
// that takes, or `patience`: a server that goes away ends the wait. Errors: connection_refused if
// no server runs there, server_error if it gave no whole answer of at most 64 MiB.
Result<io::HttpResponse> ask_control(const std::string& socket_file, const io::HttpRequest& request,
                                     std::optional<std::chrono::seconds> patience = std::nullopt);

}  // namespace parley::parleyd
