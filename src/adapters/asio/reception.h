#pragma once

#include "adapters/asio/acceptor.h"
#include "adapters/asio/channel.h"
#include "adapters/asio/http_request.h"
#include "adapters/asio/socket.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::asio {

// What all connections of one listener share, on any loop; constant but for the flag.
struct ListenerShared {
    ListenerShared(ListenOptions from, Logger logger) : options(std::move(from)), log(logger) {}

    ListenOptions options;
    std::vector<std::string> subprotocols;
    std::vector<std::shared_ptr<const ChannelOptions>> channel_options;  // beside subprotocols
    Logger log;
    ConnectionSlot::Counter connections = std::make_shared<std::atomic<std::size_t>>(0);
    std::atomic<bool> dropped{false};  // the acceptor is gone: no handler is called any more
};

// One accepted connection until it has become a channel or its request is answered: TLS, one HTTP
// request, upgrade or answer, within the time limits. Kept alive by what waits for it.
class Reception final : public std::enable_shared_from_this<Reception> {
  public:
    Reception(std::shared_ptr<ListenerShared> listener, LoopHandlers handlers, Socket socket,
              std::string peer_address, ConnectionSlot slot);

    void start();

  private:
    enum class Step { tls, reading, answering, writing, upgrading, lingering, over };

    void step_tls();
    void step_reading();
    void dispatch();
    void upgrade();
    void become_channel();
    void ask_handler();
    void refuse(int status, std::string_view message, std::string fields = {});
    void answer(const HttpAnswer& answer);
    void step_writing();
    void on_written();
    void linger();
    void step_lingering();
    void over();
    Traffic& traffic();
    template <typename Method>
    auto resume(Method method);

    std::shared_ptr<ListenerShared> listener_;
    LoopHandlers handlers_;
    Socket socket_;
    std::string peer_address_;
    ConnectionSlot slot_;
    Step step_ = Step::tls;
    io::Timer limit_;
    HttpRequestReader request_;
    std::shared_ptr<const ChannelOptions> upgraded_to_;
    Bytes out_;
    std::size_t sent_ = 0;
    std::size_t lingered_ = 0;
};

}  // namespace parley::asio
