#pragma once

#include "adapters/asio/ip_address.h"
#include "adapters/asio/loop.h"
#include "base/task.h"
#include "parley/result.h"

#include <sys/socket.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::asio {

// Where a socket can be bound or connected.
struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    int family() const { return storage.ss_family; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1", "2001:db8::1"; an IPv4 address that came over an IPv6 socket as IPv4; a Unix socket
// as "local".
std::string to_text(const Address& address);
std::uint16_t port_of(const Address& address);
// None for a Unix socket.
std::optional<IpAddress> to_ip(const Address& address);

// The addresses of a host, in the order in which to try them. Blocks while names are looked up.
Result<std::vector<Address>> resolve_now(const std::string& host, std::uint16_t port,
                                         bool for_listening);

// A lookup under way; destroying it on its loop cancels it: `done` is not called then.
class Lookup {
  public:
    using Done = UniqueFunction<void(Result<std::vector<Address>>)>;

    // `done` runs in a later turn. A name is looked up in a thread of its own that nothing waits
    // for: the system's resolver cannot be interrupted and may take half a minute.
    Lookup(AsioLoop& loop, std::string host, std::uint16_t port, Done done);
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;
    ~Lookup();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// The order of RFC 8305, section 4: families in turn, beginning with that of the first address; at
// most `most` of them.
std::vector<Address> interleave_families(const std::vector<Address>& addresses, std::size_t most);

}  // namespace parley::asio
