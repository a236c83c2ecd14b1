#pragma once

#include "adapters/asio/admission.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/tls_server.h"
#include "base/log.h"
#include "io/acceptor.h"
#include "parley/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace parley::asio {

// What a client can ask for in Sec-WebSocket-Protocol, and what its messages are like then.
struct Subprotocol {
    enum class Kind { binary, text };
    std::string name;          // "parley.v1.proto"
    Kind kind = Kind::binary;  // messages of the other kind end the channel with 1003
    std::size_t message_bytes = 1024 * 1024;  // a longer message ends the channel with 1009
};

struct ListenOptions {
    // Where: either an address ("127.0.0.1", "::1", "0.0.0.0", "::", or a name such as "localhost")
    // and a port (0: any free one), or the path of a Unix socket, which is made with mode 0600 and
    // replaces a dead one of before.
    std::string host;
    std::uint16_t port = 0;
    std::string unix_path;

    std::string connect_path = "/v1/connect";
    // In the order in which the client's wishes are looked up; empty: plain HTTP only.
    std::vector<Subprotocol> subprotocols;
    // Null: no TLS.
    std::shared_ptr<TlsServer> tls;

    // Null: everybody, up to AdmissionLimits' own defaults. One for each listener.
    std::shared_ptr<Admission> admission;
    // Who must begin with a PROXY header, which says whom the connection is from.
    // All others must not.
    std::vector<Network> trusted_proxies;
    std::size_t header_bytes = 8 * 1024;   // of an HTTP request; longer: 431
    std::size_t body_bytes = 1024 * 1024;  // of an HTTP request; longer: 413
    Duration request_timeout =
        std::chrono::seconds(10);  // from the connection to the last byte of its request
    Duration answer_timeout =
        std::chrono::seconds(60);  // from the request to the last byte of the answer
    // How long one is left to it while all places for handshakes are taken.
    Duration handshake_patience = std::chrono::seconds(3);
    Duration close_timeout = std::chrono::seconds(5);  // for the peer's close frame
};

// One loop that takes connections, and who is called on it. `requests` may be null: all plain
// requests are 404 then.
struct LoopHandlers {
    AsioLoop* loop = nullptr;
    io::ChannelHandler* channels = nullptr;
    io::RequestHandler* requests = nullptr;
};

// Begins to listen; connections are dealt to the loops in turn. Call it, and stop() and destroy the
// acceptor, on the first loop's thread or while no loop runs. Destroying it also drops the
// connections that have not become a channel yet. Who finds no place is told so in HTTP (429 if it
// is for its address, 503 if for all), and on a TLS port, where words cost a handshake, only
// closed. The handlers must outlive the last turn of their loops, the loops the acceptor. An error
// (invalid_argument) says which address and why: in use, not of this machine, does not resolve, no
// permission.
Result<std::unique_ptr<io::Acceptor>> listen(ListenOptions options, std::vector<LoopHandlers> loops,
                                             Logger log);

}  // namespace parley::asio
