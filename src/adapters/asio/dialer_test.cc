#include "adapters/asio/dialer.h"

#include "adapters/asio/addresses.h"
#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "adapters/asio/url.h"

#include <gtest/gtest.h>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using testing::dial;
using testing::Dialed;
using testing::RawPeer;
using testing::RawServer;
using testing::run_until;
using testing::Server;
using testing::target_of;

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string url_of(std::uint16_t port, const std::string& scheme = "ws") {
    return scheme + "://127.0.0.1:" + std::to_string(port);
}

// Dials a server that answers its first connection with this text, and closes if it is told to.
Error error_against(const std::string& answer, bool closes, const std::string& scheme = "ws") {
    AsioLoop loop;
    RawServer server;
    AsioDialer dialer(loop);
    std::optional<Dialed> result;
    const auto handle = dialer.dial(target_of(url_of(server.port, scheme)),
                                    [&](Dialed dialed) { result.emplace(std::move(dialed)); });
    std::optional<RawPeer> peer;
    bool answered = false;
    EXPECT_TRUE(RawPeer::await_until(loop, [&] {
        if (!peer) {
            peer = server.accept();
        }
        if (peer && !answered && (!peer->receive().empty() || answer.starts_with("SSH"))) {
            peer->send(answer);
            answered = true;
            if (closes) {
                peer->drop();
            }
        }
        return result.has_value();
    }));
    if (!result || *result) {
        ADD_FAILURE() << "it connected";
        return {};
    }
    return result->error();
}

TEST(AsioDialer, ConnectsByNameAndByEitherFamily) {
    if (!testing::knows_localhost()) {
        GTEST_SKIP() << "this machine does not resolve localhost (/etc/hosts)";
    }
    AsioLoop loop;
    Server both(loop, [](ListenOptions& options) { options.host = "::"; });
    for (const std::string host : {"127.0.0.1", "[::1]", "localhost"}) {
        Dialed dialed = dial(loop, target_of(both.url("ws", host)));
        EXPECT_TRUE(dialed) << host << ": " << dialed.error().description;
    }
    ASSERT_TRUE(run_until(loop, [&] { return both.peers.size() == 3; }));
    EXPECT_EQ(both.peers[0]->channel->peer_address(), "127.0.0.1");
    EXPECT_EQ(both.peers[1]->channel->peer_address(), "::1");
}

TEST(AsioDialer, ARefusedPortSaysSo) {
    std::uint16_t port = 0;
    {
        RawServer gone;
        port = gone.port;
    }
    AsioLoop loop;
    Dialed dialed = dial(loop, target_of(url_of(port)));
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::connection_refused);
    EXPECT_TRUE(dialed.error().retryable);
    EXPECT_EQ(dialed.error().description,
              "cannot connect to 127.0.0.1:" + std::to_string(port) +
                  " (127.0.0.1: Connection refused); is the server running there?");
}

TEST(AsioDialer, ANameThatDoesNotResolveSaysSo) {
    AsioLoop loop;
    Dialed dialed = dial(loop, target_of("ws://no-such-host.invalid:7700"));
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::connection_refused);
    EXPECT_TRUE(has(dialed.error().description, "the name no-such-host.invalid does not resolve"));
}

TEST(AsioDialer, AUrlThatCanNeverWorkIsFinal) {
    AsioLoop loop;
    Dialed dialed = dial(loop, target_of("http://localhost"));
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(dialed.error().retryable);
}

TEST(AsioDialer, AServerThatIsNotOneIsToldByWhatItAnswers) {
    Error error = error_against("HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\nnothing\nhere", true);
    EXPECT_EQ(error.code, ErrorCode::server_error);
    EXPECT_TRUE(has(error.description, "\"HTTP/1.1 404 Not Found\" nothing here"))
        << error.description;
    error = error_against("SSH-2.0-OpenSSH_9.2\r\n", false);
    EXPECT_EQ(error.code, ErrorCode::server_error);
    EXPECT_TRUE(has(error.description, "not a Parley server: it answered \"SSH-2.0-OpenSSH_9.2\""))
        << error.description;
    error = error_against("", true);
    EXPECT_EQ(error.code, ErrorCode::connection_refused);
    EXPECT_TRUE(has(error.description, "closed the connection without an answer"));
    error = error_against("HTTP/1.1 1", true);
    EXPECT_EQ(error.code, ErrorCode::server_error);
    error = error_against(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        false);
    EXPECT_TRUE(has(error.description, "its answer to the WebSocket upgrade is wrong"));
    error = error_against("HTTP/1.1 200 OK\r\n" + std::string(20000, 'x'), false);
    EXPECT_EQ(error.code, ErrorCode::server_error);
    error = error_against("", true, "wss");
    EXPECT_TRUE(has(error.description, "closed the connection during the TLS handshake"))
        << error.description;
    error = error_against("HTTP/1.1 400 Bad Request\r\n\r\n", true, "wss");
    EXPECT_TRUE(has(error.description, "does not speak TLS")) << error.description;
}

TEST(AsioDialer, ARefusedSubprotocolQuotesTheServersReason) {
    AsioLoop loop;
    Server server(loop);
    Dialed dialed = dial(loop, target_of(server.url(), "parley.v9.proto"));
    ASSERT_FALSE(dialed);
    EXPECT_EQ(dialed.error().code, ErrorCode::server_error);
    EXPECT_TRUE(
        has(dialed.error().description,
            "\"HTTP/1.1 400 Bad Request\" {\"errorCode\": 400, \"message\": \"Sec-WebSocket-"
            "Protocol must name parley.v1.proto or parley.v1.json\"}"))
        << dialed.error().description;
}

TEST(AsioDialer, OneTimeLimitCoversAllOfIt) {
    AsioLoop loop;
    RawServer silent;
    for (const std::string scheme : {"ws", "wss"}) {
        io::DialTarget target = target_of(url_of(silent.port, scheme));
        target.connect_timeout = 30ms;
        Dialed dialed = dial(loop, target);
        ASSERT_FALSE(dialed);
        EXPECT_EQ(dialed.error().code, ErrorCode::timed_out);
        EXPECT_TRUE(has(dialed.error().description, scheme == "ws" ? "WebSocket upgrade" : "TLS"))
            << dialed.error().description;
    }
}

TEST(AsioDialer, ADialCanBeDroppedAtAnyMoment) {
    for (int turns = 0; turns < 8; ++turns) {
        for (const std::string host : {"127.0.0.1", "localhost", "no-such-host.invalid"}) {
            AsioLoop loop;
            Server server(loop);
            AsioDialer dialer(loop);
            auto handle = dialer.dial(target_of(server.url("ws", host)), [](Dialed) {});
            for (int i = 0; i < turns; ++i) {
                loop.run_turn(AsioLoop::Wait::no);
            }
            handle = dialer.dial(target_of(server.url("ws", host)),
                                 [](Dialed) { FAIL() << "called after it was dropped"; });
            handle.reset();
            loop.run_turn(AsioLoop::Wait::no);
        }
    }
}

TEST(AsioDialer, TheLoopMayGoWhileADialIsUnderWay) {
    std::unique_ptr<io::Dial> handle;
    auto loop = std::make_unique<AsioLoop>();
    auto dialer = std::make_unique<AsioDialer>(*loop);
    handle = dialer->dial(target_of("ws://no-such-host.invalid:1"), [](Dialed) { FAIL(); });
    handle.reset();
    dialer.reset();
    loop.reset();
}

TEST(AsioDialer, TheCallbackMayDropItsOwnDial) {
    AsioLoop loop;
    Server server(loop);
    AsioDialer dialer(loop);
    std::unique_ptr<io::Dial> handle;
    bool called = false;
    handle = dialer.dial(target_of(server.url()), [&](Dialed dialed) {
        EXPECT_TRUE(dialed);
        handle.reset();
        called = true;
    });
    EXPECT_TRUE(run_until(loop, [&] { return called; }));
}

TEST(ServerUrl, HasAHostAndAPort) {
    const auto plain = parse_url("ws://chat.example.org:7700");
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->tls);
    EXPECT_EQ(plain->host, "chat.example.org");
    EXPECT_EQ(plain->port, 7700);
    EXPECT_EQ(plain->authority, "chat.example.org:7700");
    EXPECT_EQ(parse_url("ws://a")->port, 80);
    EXPECT_EQ(parse_url("WSS://a/")->port, 443);
    EXPECT_TRUE(parse_url("wss://a")->tls);
    const auto v6 = parse_url("wss://[2001:db8::1]:1");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "2001:db8::1");
    EXPECT_EQ(v6->authority, "[2001:db8::1]:1");
}

TEST(ServerUrl, WhatIsWrongWithItIsSaid) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "no scheme"},
        {"localhost:7700", "no scheme"},
        {"http://localhost", "the scheme http is not spoken"},
        {"ws://", "names no host"},
        {"ws://:80", "names no host"},
        {"ws://a:0", "port"},
        {"ws://a:65536", "port"},
        {"ws://a:", "port"},
        {"ws://a:12x", "port"},
        {"ws://a/v1/connect", "without path"},
        {"ws://u@a", "without path, query or user"},
        {"ws://a?b", "without path, query"},
        {"ws://a b", "character"},
        {"ws://a\r\nX: y", "character"},
        {"ws://2001:db8::1", "port"},
        {"ws://[::1", "IPv6"},
        {"ws://[127.0.0.1]", "IPv6"},
        {"ws://[::1]x", "IPv6"},
        {"ws://[]", "IPv6"},
    };
    for (const auto& [url, part] : cases) {
        const auto parsed = parse_url(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
        EXPECT_TRUE(has(parsed.error().description, part)) << parsed.error().description;
        EXPECT_FALSE(io::check_url(url));
    }
    EXPECT_FALSE(parse_url("ws://" + std::string(300, 'a')));
    EXPECT_TRUE(io::check_url("ws://127.0.0.1:7700"));
}

TEST(Addresses, FamiliesTakeTurnsBeginningWithTheFirst) {
    const auto address = [](int family) {
        Address made;
        made.storage.ss_family = static_cast<sa_family_t>(family);
        return made;
    };
    const std::vector<Address> found = {address(AF_INET6), address(AF_INET6), address(AF_INET6),
                                        address(AF_INET), address(AF_INET)};
    std::vector<int> families;
    for (const Address& each : interleave_families(found, 4)) {
        families.push_back(each.family());
    }
    EXPECT_EQ(families, (std::vector<int>{AF_INET6, AF_INET, AF_INET6, AF_INET}));
    EXPECT_TRUE(interleave_families({}, 4).empty());
}

}  // namespace
}  // namespace parley::asio
