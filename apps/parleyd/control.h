#pragma once

#include "io/acceptor.h"
#include "mailbox/log_store.h"
#include "parley/result.h"

#include <string>
#include <string_view>

namespace parley::parleyd {

inline constexpr std::string_view kConfirmClock = "/v1/clock/confirm";

// control.sock, the server's side: what the commands of parleyd ask of a running server, and for
// the rest what administration answers everywhere. Only who may use the data folder gets here.
class ControlRequests final : public io::RequestHandler {
  public:
    // Both outlive this.
    ControlRequests(mailbox::LogStore& store, io::RequestHandler& rest)
        : store_(store), rest_(rest) {}

    void handle(const io::HttpRequest& request, Done done) override;

  private:
    mailbox::LogStore& store_;
    io::RequestHandler& rest_;
};

// The commands' side: posts to the running server behind this socket and waits for its 200. Errors:
// connection_refused if no server runs there, server_error with what it answered.
Result<void> post_to_control(const std::string& socket_file, std::string_view target);

}  // namespace parley::parleyd
