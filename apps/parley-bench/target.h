#pragma once

#include "base/bytes.h"
#include "parley/result.h"
#include "wire/websocket/handshake.h"

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace parley::bench {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    int family() const { return storage.ss_family; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Leaves the addresses that this machine can connect from.
void drop_foreign(std::vector<SocketAddress>& addresses);

// Where the connections go: resolved once, then the same for all of them and all threads.
class Target {
  public:
    // `url`: ws://HOST[:PORT] or wss://HOST[:PORT]. `ca_file`: PEM, empty: the system's
    // certificates. `sources`: addresses, or ranges A-B of IPv4 addresses, to connect from in turn;
    // none: several to an IPv4 loopback address, as ports run short on one (add_ports()). Errors:
    // invalid_argument that names what does not fit.
    static Result<Target> make(const std::string& url, const std::string& ca_file,
                               const std::vector<std::string>& sources);
    Target(Target&&) noexcept;
    Target& operator=(Target&&) noexcept;
    ~Target();

    const SocketAddress& address() const { return address_; }
    // Empty: the system chooses.
    const std::vector<SocketAddress>& sources() const { return sources_; }
    const websocket::UpgradeRequest& upgrade() const { return upgrade_; }
    const std::string& upgrade_text() const { return upgrade_text_; }
    bool secure() const { return tls_ != nullptr; }
    // A client's TLS state on this descriptor, with the server's name to be checked; null without
    // memory.
    ssl_st* secure(int fd) const;

  private:
    Target() = default;
    Result<void> make_tls(const std::string& ca_file);

    struct FreeContext {
        void operator()(ssl_ctx_st* context) const;
    };

    std::string host_;
    SocketAddress address_;
    std::vector<SocketAddress> sources_;
    websocket::UpgradeRequest upgrade_;
    std::string upgrade_text_;
    std::unique_ptr<ssl_ctx_st, FreeContext> tls_;
};

}  // namespace parley::bench
