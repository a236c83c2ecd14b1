#pragma once

#include "adapters/asio/acceptor.h"
#include "adapters/asio/dialer.h"
#include "adapters/asio/loop.h"

#include <netdb.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// A server and its clients on one loop and real loopback sockets, without sleeping: a test runs
// turns until what it waits for is there, or fails after a generous limit.
namespace parley::asio::testing {

// A bare root without /etc/hosts may have no name for itself.
inline bool knows_localhost() {
    addrinfo* found = nullptr;
    if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
        return false;
    }
    ::freeaddrinfo(found);
    return true;
}

using namespace std::chrono_literals;

inline constexpr auto kPatience = 20s;
inline constexpr const char* kProto = "parley.v1.proto";
inline constexpr const char* kJson = "parley.v1.json";

// False if it did not come true in time.
inline bool run_until(AsioLoop& loop, const std::function<bool()>& condition) {
    bool late = false;
    const io::Timer limit = loop.call_at(loop.now() + kPatience, [&late] { late = true; });
    while (!condition() && !late) {
        loop.run_turn(AsioLoop::Wait::yes);
    }
    return !late;
}

inline void send(FrameSink& sink, std::string_view message) {
    sink.begin(message.size());
    sink.append(as_bytes(message));
    sink.end();
}

// Holds one side of a connection and writes down what it hears.
class Peer final : public io::ChannelObserver {
  public:
    explicit Peer(std::unique_ptr<io::Channel> opened) : channel(std::move(opened)) {
        channel->start(*this);
    }

    void on_message(BytesView message) override {
        EXPECT_FALSE(end.has_value());
        messages.emplace_back(as_text(message));
        if (on_message_hook) {
            on_message_hook(messages.back());
        }
    }
    void on_alive() override {
        ++alive;
        if (on_alive_hook) {
            on_alive_hook();
        }
    }
    void on_room() override {
        ++rooms;
        if (on_room_hook) {
            on_room_hook();
        }
    }
    void on_end(const io::ChannelEnd& ended) override {
        EXPECT_FALSE(end.has_value());
        end = ended;
        if (on_end_hook) {
            on_end_hook();
        }
    }

    std::unique_ptr<io::Channel> channel;
    std::vector<std::string> messages;
    int alive = 0;
    int rooms = 0;
    std::optional<io::ChannelEnd> end;
    std::function<void(const std::string&)> on_message_hook;
    std::function<void()> on_alive_hook;
    std::function<void()> on_room_hook;
    std::function<void()> on_end_hook;
};

// Listens on a free port of a loopback address and keeps what comes.
class Server final : public io::ChannelHandler, public io::RequestHandler {
  public:
    explicit Server(AsioLoop& on, const std::function<void(ListenOptions&)>& adjust = {})
        : loop(on) {
        ListenOptions options;
        options.host = "127.0.0.1";
        options.subprotocols = {{kProto, Subprotocol::Kind::binary, 1024 * 1024},
                                {kJson, Subprotocol::Kind::text, 2 * 1024 * 1024}};
        if (adjust) {
            adjust(options);
        }
        auto listening = listen(options, {{&loop, this, this}}, Logger(null_log()));
        if (!listening) {
            ADD_FAILURE() << listening.error().description;
            return;
        }
        acceptor = std::move(listening).value();
    }

    void on_channel(std::unique_ptr<io::Channel> channel) override {
        if (!keeps_strangers) {
            channel->authenticated();
        }
        peers.push_back(std::make_unique<Peer>(std::move(channel)));
        Peer& peer = *peers.back();
        if (echoes) {
            peer.on_message_hook = [&peer](const std::string& message) {
                send(*peer.channel, message);
            };
        }
        if (on_channel_hook) {
            on_channel_hook(peer);
        }
    }

    void handle(const io::HttpRequest& request, Done done) override {
        requests.push_back(request);
        if (on_request) {
            on_request(request, std::move(done));
            return;
        }
        io::HttpResponse response;
        response.body = "{\"path\":\"" + request.target + "\"}";
        done(response);
    }

    std::uint16_t port() const { return acceptor->port(); }
    std::string url(const std::string& scheme = "ws", const std::string& host = "127.0.0.1") const {
        return scheme + "://" + host + ":" + std::to_string(port());
    }

    AsioLoop& loop;
    bool echoes = false;
    bool keeps_strangers = false;  // nobody proves who they are
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<io::HttpRequest> requests;
    std::function<void(Peer&)> on_channel_hook;
    std::function<void(const io::HttpRequest&, Done)> on_request;
    std::unique_ptr<io::Acceptor> acceptor;
};

inline io::DialTarget target_of(std::string url, std::string subprotocol = kProto) {
    io::DialTarget target;
    target.url = std::move(url);
    target.subprotocol = std::move(subprotocol);
    return target;
}

using Dialed = Result<std::unique_ptr<io::Channel>>;

// Dials and runs the loop until there is a result.
inline Dialed dial(AsioLoop& loop, const io::DialTarget& target) {
    AsioDialer dialer(loop);
    std::optional<Dialed> result;
    const auto handle =
        dialer.dial(target, [&result](Dialed dialed) { result.emplace(std::move(dialed)); });
    EXPECT_FALSE(result.has_value());
    if (!run_until(loop, [&result] { return result.has_value(); })) {
        return unexpected(make_error(ErrorCode::timed_out, "the test lost patience"));
    }
    return std::move(*result);
}

// A client that is connected, and its other end.
struct Pair {
    std::unique_ptr<Peer> client;
    Peer* server = nullptr;
};

inline Pair connect(Server& server, const std::string& subprotocol = kProto) {
    Pair pair;
    const std::size_t before = server.peers.size();
    Dialed dialed = dial(server.loop, target_of(server.url(), subprotocol));
    if (!dialed) {
        ADD_FAILURE() << dialed.error().description;
        return pair;
    }
    pair.client = std::make_unique<Peer>(std::move(dialed).value());
    EXPECT_TRUE(run_until(server.loop, [&] { return server.peers.size() > before; }));
    pair.server = server.peers.back().get();
    return pair;
}

}  // namespace parley::asio::testing
