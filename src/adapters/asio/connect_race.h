#pragma once

#include "adapters/asio/addresses.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/socket.h"
#include "base/task.h"
#include "parley/result.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::asio {

// Connects to whichever of several addresses answers first (RFC 8305): one after the other is
// begun, a quarter of a second apart or at once when one has failed, and none is given up before
// one stands.
class ConnectRace final : public std::enable_shared_from_this<ConnectRace> {
  public:
    struct Winner {
        Socket socket;
        std::string peer_address;
    };
    // The error is the last failure of all: "127.0.0.1: Connection refused".
    using Done = UniqueFunction<void(Result<Winner>)>;

    ConnectRace(AsioLoop& loop, const std::vector<Address>& addresses, Done done);

    // `done` runs in a later turn, unless cancel() comes first. Once.
    void start();
    void cancel();
    // What has gone wrong so far; empty while nothing has.
    const std::string& last_failure() const { return last_failure_; }

  private:
    struct Lane {
        Address address;
        std::optional<Socket> socket;  // none: it failed, or has not begun
    };

    void begin_next();
    void on_ready(std::size_t index);
    void on_failed(std::size_t index, int error);
    void finish(Result<Winner> result);

    AsioLoop& loop_;
    Done done_;
    std::vector<Lane> lanes_;
    std::size_t begun_ = 0;
    std::size_t failed_ = 0;
    std::string last_failure_;
    io::Timer stagger_;
};

}  // namespace parley::asio
