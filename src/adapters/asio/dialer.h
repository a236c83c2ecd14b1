#pragma once

#include "adapters/asio/loop.h"
#include "io/dialer.h"

#include <memory>
#include <string>

namespace parley::asio {

// Opens WebSocket connections over TCP or TLS. Belongs to its loop, which outlives it.
//
// A name is resolved in a thread of its own, which nothing ever waits for. IPv6 and IPv4 are tried
// in turn, a quarter of a second apart, and the first connection that stands is taken. The
// certificate of a wss:// server must be trusted, in its time, and made for the host of the URL.
//
// Errors (all retryable unless stated; the description names host and port, and what to look at):
//   connection_refused  the name does not resolve; nobody listens; no route; the connection was
//   lost on the way timed_out           says which step took too long server_error        not a TLS
//   server; a certificate that is not trusted, out of its time or of another host; not a WebSocket
//                       server; not a Parley server (its status line is quoted); the subprotocol
//                       was refused
//   invalid_argument    final: a URL or a CA file that can never work
class AsioDialer final : public io::Dialer {
  public:
    explicit AsioDialer(AsioLoop& loop);
    ~AsioDialer() override;

    [[nodiscard]] std::unique_ptr<io::Dial> dial(const io::DialTarget& target, Done done) override;
    void network_changed() override;

  private:
    struct Shared;

    AsioLoop& loop_;
    std::unique_ptr<Shared> shared_;
};

}  // namespace parley::asio
