#pragma once

#include "adapters/asio/addresses.h"
#include "adapters/asio/connect_race.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/socket.h"
#include "adapters/asio/tls.h"
#include "adapters/asio/url.h"
#include "io/dialer.h"
#include "wire/websocket/handshake.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::asio {

// One dial from its URL to its channel: name, TCP, TLS, upgrade, all within one time limit. Kept
// alive by its handle and by what waits for it.
class DialAttempt final : public std::enable_shared_from_this<DialAttempt> {
  public:
    DialAttempt(AsioLoop& loop, const io::DialTarget& target, io::Dialer::Done done);

    // Without a context: no TLS. Once, or fail_later().
    void start(const ServerUrl& url, TlsContext context);
    void fail_later(Error error);
    // `done` is not called any more.
    void cancel();

  private:
    enum class Step { resolving, connecting, tls, upgrading, over };
    void on_resolved(Result<std::vector<Address>> addresses);
    void on_connected(Result<ConnectRace::Winner> winner);
    void step_tls();
    void begin_upgrade();
    void step_sending();
    void step_receiving();
    void judge_answer();
    void stream_failed(const IoResult& result);
    void fail(ErrorCode code, const std::string& what);
    void succeed(std::size_t head_bytes);
    void finish(Result<std::unique_ptr<io::Channel>> result);
    void on_timeout();
    std::string place() const;
    template <typename Method>
    auto resume(Method method);

    AsioLoop& loop_;
    io::DialTarget target_;
    io::Dialer::Done done_;
    ServerUrl url_;
    TlsContext context_;
    Step step_ = Step::resolving;
    io::Timer limit_;

    std::optional<Lookup> lookup_;
    std::shared_ptr<ConnectRace> race_;
    std::optional<Socket> socket_;
    std::string peer_address_;
    websocket::UpgradeRequest request_;
    Bytes out_;
    std::size_t sent_ = 0;
    Bytes answer_;
};

}  // namespace parley::asio
