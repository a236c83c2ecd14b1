#include "adapters/asio/acceptor.h"

#include "adapters/asio/addresses.h"
#include "adapters/asio/listening_socket.h"
#include "adapters/asio/reception.h"
#include "base/assert.h"
#include "base/try.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cerrno>
#include <cstring>
#include <utility>

namespace parley::asio {

namespace {

constexpr int kAcceptsPerTurn = 64;
// How long nothing is accepted when the process or the machine is out of descriptors or memory.
constexpr auto kPauseWhenOut = std::chrono::milliseconds(100);
constexpr auto kBetweenWarnings = std::chrono::seconds(10);

// A warning that is told at most once in ten seconds, with how often it was meant.
class RareWarning {
  public:
    // How often since it was told, if it is to be told now.
    std::optional<std::uint64_t> count(Instant now) {
        ++count_;
        if (told_ && now < *told_ + kBetweenWarnings) {
            return std::nullopt;
        }
        told_ = now;
        return std::exchange(count_, 0);
    }

  private:
    std::optional<Instant> told_;
    std::uint64_t count_ = 0;
};

// The part of an acceptor that its pending handler keeps alive.
class Listener final : public std::enable_shared_from_this<Listener> {
  public:
    Listener(ListeningSocket socket, std::shared_ptr<ListenerShared> shared,
             std::vector<LoopHandlers> loops)
        : shared_(std::move(shared)),
          loops_(std::move(loops)),
          socket_(std::move(socket)),
          descriptor_(*loops_.front().loop->core().context, socket_.descriptor.get()) {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { stop(); }

    void wait() {
        descriptor_.async_wait(Descriptor::wait_read,
                               [self = shared_from_this()](boost::system::error_code error) {
                                   if (!error) {
                                       self->accept_some();
                                   }
                               });
    }

    void stop() {
        if (!std::exchange(stopped_, true)) {
            pause_.reset();
            descriptor_.release();
            socket_.close();
        }
    }

    void drop() {
        stop();
        shared_->dropped.store(true, std::memory_order_release);
    }

    std::uint16_t port() const { return socket_.port; }

  private:
    AsioLoop& own_loop() { return *loops_.front().loop; }
    void accept_some();
    void take(UniqueFd fd, const Address& peer);
    std::optional<Refusal> admit(Accepted& accepted);
    bool survives(int error);

    std::shared_ptr<ListenerShared> shared_;
    std::vector<LoopHandlers> loops_;
    std::size_t next_loop_ = 0;
    ListeningSocket socket_;
    Descriptor descriptor_;  // borrows socket_'s
    io::Timer pause_;
    bool stopped_ = false;
    RareWarning out_of_resources_;
    RareWarning too_many_;
};

void Listener::accept_some() {
    for (int i = 0; i < kAcceptsPerTurn && !stopped_; ++i) {
        Address peer;
        peer.size = sizeof(peer.storage);
        UniqueFd fd(::accept4(socket_.descriptor.get(), reinterpret_cast<sockaddr*>(&peer.storage),
                              &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            take(std::move(fd), peer);
            continue;
        }
        const int error = errno;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            break;
        }
        if (!survives(error)) {
            pause_ = own_loop().call_at(own_loop().now() + kPauseWhenOut,
                                        [self = shared_from_this()] { self->wait(); });
            return;
        }
    }
    if (!stopped_) {
        wait();
    }
}

// False if accepting again at once would only fail again.
bool Listener::survives(int error) {
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        if (const auto count = out_of_resources_.count(own_loop().now())) {
            shared_->log.warn("listener.accept_failed",
                              {{"reason", std::strerror(error)}, {"count", *count}});
        }
        return false;
    }
    // Everything else is the end of the connection that waited there (accept(2), "Error handling").
    return true;
}

void Listener::take(UniqueFd fd, const Address& peer) {
    own_loop().core().traffic.accepted.add();
    Accepted accepted;
    accepted.descriptor = std::move(fd);
    accepted.peer = to_ip(peer);
    const auto refusal = admit(accepted);
    if (refusal) {
        if (const auto count = too_many_.count(own_loop().now())) {
            shared_->log.warn("listener.connection_refused", {{"reason", name_of(*refusal)},
                                                              {"address", to_text(accepted.peer)},
                                                              {"count", *count}});
        }
        // On a TLS port words would cost a handshake.
        if (!shared_->options.tls) {
            accepted.telling = Telling::begin(shared_);
        }
        if (!accepted.telling) {
            shared_->note(*refusal, accepted.peer);
            return;
        }
    } else if (accepted.peer) {
        const int on = 1;
        ::setsockopt(accepted.descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    accepted.loop = next_loop_;
    next_loop_ = (next_loop_ + 1) % loops_.size();
    AsioLoop& loop = *loops_[accepted.loop].loop;
    auto receive = [shared = shared_, handlers = loops_[accepted.loop], refusal,
                    accepted = std::move(accepted)]() mutable {
        if (shared->dropped.load(std::memory_order_acquire)) {
            return;
        }
        const auto reception = std::make_shared<Reception>(shared, handlers, std::move(accepted));
        refusal ? reception->start_refused(*refusal) : reception->start();
    };
    if (&loop == &own_loop()) {
        receive();
    } else {
        loop.post(std::move(receive));
    }
}

std::optional<Refusal> Listener::admit(Accepted& accepted) {
    auto slot = shared_->options.admission->take();
    if (!slot) {
        return Refusal::connections;
    }
    // Whom a proxy speaks for is not known yet.
    if (accepted.peer && !shared_->trusts(*accepted.peer)) {
        if (const auto refusal = slot->come_from(*accepted.peer, own_loop().now())) {
            return refusal;
        }
    }
    accepted.slot = std::move(*slot);
    return std::nullopt;
}

class AsioAcceptor final : public io::Acceptor {
  public:
    explicit AsioAcceptor(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
    AsioAcceptor(const AsioAcceptor&) = delete;
    AsioAcceptor& operator=(const AsioAcceptor&) = delete;
    ~AsioAcceptor() override { listener_->drop(); }

    std::uint16_t port() const override { return listener_->port(); }
    void stop() override { listener_->stop(); }

  private:
    std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<io::Acceptor>> listen(ListenOptions options, std::vector<LoopHandlers> loops,
                                             Logger log) {
    PARLEY_ASSERT(!loops.empty());
    for (const LoopHandlers& handlers : loops) {
        PARLEY_ASSERT(handlers.loop != nullptr);
        PARLEY_ASSERT(handlers.channels != nullptr || options.subprotocols.empty());
    }
    PARLEY_TRY(ListeningSocket socket, options.unix_path.empty()
                                           ? open_tcp(options.host, options.port)
                                           : open_unix(options.unix_path));
    auto shared = std::make_shared<ListenerShared>(std::move(options), loops.size(), log);
    for (const Subprotocol& subprotocol : shared->options.subprotocols) {
        auto channel = std::make_shared<ChannelOptions>(websocket::Role::server, subprotocol.name,
                                                        subprotocol.kind == Subprotocol::Kind::text,
                                                        subprotocol.message_bytes);
        channel->close_timeout = shared->options.close_timeout;
        shared->subprotocols.push_back(subprotocol.name);
        shared->channel_options.push_back(std::move(channel));
    }
    auto listener =
        std::make_shared<Listener>(std::move(socket), std::move(shared), std::move(loops));
    listener->wait();
    return std::unique_ptr<io::Acceptor>(std::make_unique<AsioAcceptor>(std::move(listener)));
}

}  // namespace parley::asio
