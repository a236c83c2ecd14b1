#pragma once

#include "base/task.h"
#include "base/time.h"
#include "io/channel.h"
#include "parley/result.h"

#include <memory>
#include <string>

namespace parley::io {

// Where to connect to and how.
struct DialTarget {
    // ws://HOST[:PORT] or wss://HOST[:PORT]; IPv6 hosts in brackets; path /v1/connect is added.
    std::string url;
    std::string subprotocol;  // "parley.v1.proto" or "parley.v1.json"
    std::string ca_file;      // PEM; empty: the system's certificates. Only for wss
    Duration connect_timeout = std::chrono::seconds(15);  // all of it: name, TCP, TLS, upgrade
    std::size_t message_bytes = 1024 * 1024;              // longest message to be received
};

// Checks the form of a URL without connecting: an error (invalid_argument) that says what is wrong.
Result<void> check_url(const std::string& url);

// An attempt under way. Destroying it cancels: `done` is then not called.
class Dial {
  public:
    virtual ~Dial() = default;
};

// Opens channels. Belongs to a loop, which runs `done` in a later turn. Errors: connection_refused,
// timed_out, server_error, with a description that tells a name that does not resolve, a refused
// port, a certificate that does not fit, and a server that is not one apart; invalid_argument
// (final) for a URL or CA file that can never work.
class Dialer {
  public:
    using Done = UniqueFunction<void(Result<std::unique_ptr<Channel>>)>;
    virtual ~Dialer() = default;
    [[nodiscard]] virtual std::unique_ptr<Dial> dial(const DialTarget& target, Done done) = 0;
    // The network changed: forget what was learned about names and addresses.
    virtual void network_changed() {}
};

}  // namespace parley::io
