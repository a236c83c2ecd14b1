#pragma once

#include "adapters/asio/acceptor.h"
#include "adapters/asio/admission.h"
#include "adapters/asio/channel.h"
#include "adapters/asio/handshakes.h"
#include "adapters/asio/http_request.h"
#include "adapters/asio/proxy_header.h"
#include "adapters/asio/socket.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace parley::asio {

// The address, or "local" of a connection that has none.
std::string to_text(const std::optional<IpAddress>& peer);

// What all connections of one listener share, on any loop; constant but for
// what says otherwise.
struct ListenerShared {
    ListenerShared(ListenOptions from, std::size_t loops, Logger logger);

    bool trusts(const IpAddress& peer) const;
    // Counts it, and says so in the log.
    void note(Refusal refusal, const std::optional<IpAddress>& peer,
              std::string_view what = {}) const;

    ListenOptions options;
    std::vector<std::string> subprotocols;
    std::vector<std::shared_ptr<const ChannelOptions>> channel_options;  // beside subprotocols
    Logger log;
    // Beside the loops, each touched by its own only.
    std::vector<std::unique_ptr<Handshakes>> handshakes;
    std::atomic<std::size_t> being_told{0};  // see Telling
    std::atomic<bool> dropped{false};        // the acceptor is gone: no handler is called any more
};

// A place among the few connections at once that are told why they are refused. They count
// among no others, and beyond these few one is closed without words: so that refused ones, also
// those that wait for a loop that is busy, cannot take the descriptors that the store needs.
class Telling {
  public:
    static constexpr std::size_t kMost = 64;

    // None if all are taken.
    static std::optional<Telling> begin(std::shared_ptr<ListenerShared> listener);
    Telling(Telling&&) noexcept = default;
    Telling& operator=(Telling&& other) noexcept {
        std::swap(listener_, other.listener_);
        return *this;
    }
    ~Telling();

  private:
    explicit Telling(std::shared_ptr<ListenerShared> listener) : listener_(std::move(listener)) {}

    std::shared_ptr<ListenerShared> listener_;
};

// A connection as it was accepted.
struct Accepted {
    std::size_t loop = 0;  // the index of the one it was dealt to
    UniqueFd descriptor;
    std::optional<IpAddress> peer;  // none: a Unix socket
    ConnectionSlot slot;
    std::optional<Telling> telling;  // of one that is refused
};

// One accepted connection until it has become a channel or its request is
// answered: the PROXY header of a proxy, TLS, one HTTP request, upgrade or
// answer, within the time limits. Kept alive by what waits for it.
class Reception final : public std::enable_shared_from_this<Reception> {
  public:
    Reception(std::shared_ptr<ListenerShared> listener, const LoopHandlers& handlers,
              Accepted accepted);
    ~Reception();

    void start();
    // Instead of start(): says why and ends.
    void start_refused(Refusal refusal);

  private:
    enum class Step {
        proxy,
        beginning,
        tls,
        reading,
        answering,
        writing,
        upgrading,
        lingering,
        over
    };

    bool find_place();
    void step_proxy();
    void step_beginning();
    void turn_away(Refusal refusal, std::string_view what = {});
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
    void leave_place();
    template <typename Method>
    auto resume(Method method);

    std::shared_ptr<ListenerShared> listener_;
    LoopHandlers handlers_;
    const std::size_t loop_index_;
    Socket socket_;
    std::optional<IpAddress> peer_;
    ConnectionSlot slot_;
    Instant began_{};
    std::optional<Handshakes::Place> place_;
    std::optional<Telling> telling_;
    Step step_ = Step::beginning;
    io::Timer limit_;
    std::unique_ptr<ProxyHeader> proxy_header_;
    HttpRequestReader request_;
    std::shared_ptr<const ChannelOptions> upgraded_to_;
    Bytes out_;
    std::size_t sent_ = 0;
    std::size_t lingered_ = 0;
};

}  // namespace parley::asio
