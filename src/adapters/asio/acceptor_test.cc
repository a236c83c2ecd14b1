#include "adapters/asio/acceptor.h"

#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "wire/websocket/frame.h"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <atomic>
#include <filesystem>
#include <thread>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using testing::connect;
using testing::Pair;
using testing::RawPeer;
using testing::run_until;
using testing::Server;
using testing::upgrade_request;

std::string ask(Server& server, const std::string& request) {
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send(request);
    EXPECT_TRUE(peer.await_end(server.loop));
    return peer.received;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(AsioAcceptor, AnswersPlainRequestsOnTheSamePort) {
    AsioLoop loop;
    Server server(loop);
    const std::string answer = ask(server, "GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(has(answer, "Content-Type: application/json\r\n"));
    EXPECT_TRUE(answer.ends_with("{\"path\":\"/healthz?x=1\"}"));
    ASSERT_EQ(server.requests.size(), 1u);
    EXPECT_EQ(server.requests[0].method, "GET");
}

TEST(AsioAcceptor, HandsOverBodiesHoweverTheyArrive) {
    AsioLoop loop;
    Server server(loop);
    RawPeer peer = RawPeer::to_port(server.port());
    const std::string request =
        "POST /v1/admin HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world";
    for (const char c : request) {
        peer.send(std::string_view(&c, 1));
        loop.run_turn(AsioLoop::Wait::no);
    }
    ASSERT_TRUE(peer.await_end(loop));
    ASSERT_EQ(server.requests.size(), 1u);
    EXPECT_EQ(server.requests[0].body, "hello world");
}

TEST(AsioAcceptor, AnAnswerMayComeLaterAndCarryAnAllowField) {
    AsioLoop loop;
    Server server(loop);
    io::RequestHandler::Done later;
    server.on_request = [&](const io::HttpRequest&, io::RequestHandler::Done done) {
        later = std::move(done);
    };
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send("PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(run_until(loop, [&] { return static_cast<bool>(later); }));
    io::HttpResponse response;
    response.status = 405;
    response.allow = {"GET", "HEAD"};
    response.body = "{}";
    later(response);
    ASSERT_TRUE(peer.await_end(loop));
    EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_TRUE(has(peer.received, "Allow: GET, HEAD\r\n"));
}

TEST(AsioAcceptor, AnAnswerForAConnectionThatHasGoneHasNoEffect) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.answer_timeout = 10ms; });
    io::RequestHandler::Done later;
    server.on_request = [&](const io::HttpRequest&, io::RequestHandler::Done done) {
        later = std::move(done);
    };
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(peer.await_end(loop));
    EXPECT_EQ(peer.received, "");
    later(io::HttpResponse{});
    loop.run_turn(AsioLoop::Wait::no);
}

TEST(AsioAcceptor, AHeadRequestGetsNoBody) {
    AsioLoop loop;
    Server server(loop);
    const std::string answer = ask(server, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(answer, "Content-Length: 19\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(AsioAcceptor, AnUpgradeWithoutAKnownSubprotocolIs400AndNamesBoth) {
    AsioLoop loop;
    Server server(loop);
    for (const std::string& request :
         {upgrade_request("other.v1"), upgrade_request(""),
          std::string("GET /v1/connect HTTP/1.1\r\nHost: a\r\n\r\n")}) {
        const std::string answer = ask(server, request);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
        EXPECT_TRUE(has(answer, "{\"errorCode\": 400, \"message\": \"")) << answer;
        EXPECT_TRUE(has(answer, "parley.v1.proto")) << answer;
        EXPECT_TRUE(has(answer, "parley.v1.json")) << answer;
    }
    EXPECT_TRUE(server.peers.empty());
}

TEST(AsioAcceptor, TheFirstKnownSubprotocolOfTheClientIsTaken) {
    AsioLoop loop;
    Server server(loop);
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send(upgrade_request("other, parley.v1.json, parley.v1.proto", "/v1/connect?a=b"));
    ASSERT_TRUE(run_until(loop, [&] { return !server.peers.empty(); }));
    EXPECT_EQ(server.peers[0]->channel->subprotocol(), "parley.v1.json");
    peer.receive();
    EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    EXPECT_TRUE(has(peer.received, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    EXPECT_TRUE(has(peer.received, "Sec-WebSocket-Protocol: parley.v1.json\r\n"));
}

TEST(AsioAcceptor, FramesThatComeTogetherWithTheUpgradeAreNotLost) {
    AsioLoop loop;
    Server server(loop);
    RawPeer peer = RawPeer::to_port(server.port());
    Bytes frame;
    websocket::append_frame(frame, websocket::Opcode::binary, as_bytes("early"),
                            websocket::MaskKey{1, 2, 3, 4});
    peer.send(upgrade_request() + frame + frame);
    ASSERT_TRUE(run_until(
        loop, [&] { return !server.peers.empty() && server.peers[0]->messages.size() == 2; }));
    EXPECT_EQ(server.peers[0]->messages[1], "early");
}

TEST(AsioAcceptor, WrongRequestsGetTheirStatus) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.body_bytes = 100; });
    const std::string host = "Host: a\r\n";
    EXPECT_TRUE(has(ask(server, "POST /v1/connect HTTP/1.1\r\n" + host + "\r\n"), " 405 "));
    EXPECT_TRUE(has(ask(server, "not http at all\r\n\r\n"), " 400 "));
    EXPECT_TRUE(has(ask(server, std::string(3, '\0') + "\x16\x03\x01\r\n\r\n"), " 400 "));
    EXPECT_TRUE(has(ask(server, "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x')), " 431 "));
    EXPECT_TRUE(
        has(ask(server, "POST / HTTP/1.1\r\n" + host + "Content-Length: 101\r\n\r\n"), " 413 "));
    EXPECT_TRUE(has(ask(server, "POST / HTTP/1.1\r\n" + host +
                                    "Transfer-Encoding: chunked\r\n\r\n0\r\nabc\r\n"),
                    " 411 "));
    std::string old_version = upgrade_request();
    old_version.replace(old_version.find("Version: 13"), 11, "Version: 8 ");
    const std::string answer = ask(server, old_version);
    EXPECT_TRUE(has(answer, " 426 "));
    EXPECT_TRUE(has(answer, "Sec-WebSocket-Version: 13\r\n"));
    EXPECT_TRUE(server.requests.empty());
}

TEST(AsioAcceptor, WhereNoBodyIsTakenOneIsRefusedByItsHead) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.body_bytes = 0; });
    RawPeer promises = RawPeer::to_port(server.port());
    promises.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    ASSERT_TRUE(promises.await_end(loop));
    EXPECT_TRUE(has(promises.received, "HTTP/1.1 413 ")) << promises.received;
    EXPECT_TRUE(server.requests.empty());
    EXPECT_TRUE(
        has(ask(server, "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), " 200 "));
}

TEST(AsioAcceptor, AConnectionThatDawdlesIsDroppedAfterTheTimeLimit) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.request_timeout = 20ms; });
    RawPeer silent = RawPeer::to_port(server.port());
    RawPeer half = RawPeer::to_port(server.port());
    half.send("GET / HTT");
    EXPECT_TRUE(silent.await_end(loop));
    EXPECT_TRUE(half.await_end(loop));
}

TEST(AsioAcceptor, AboveTheLimitOfConnectionsNewOnesAreClosedUntilOthersGo) {
    AsioLoop loop;
    const auto admission = std::make_shared<Admission>(AdmissionLimits{.connections = 2});
    Server server(loop, [&](ListenOptions& options) { options.admission = admission; });
    Pair first = connect(server);
    Pair second = connect(server);
    RawPeer third = RawPeer::to_port(server.port());
    ASSERT_TRUE(third.await_end(loop));
    EXPECT_TRUE(has(third.received, "HTTP/1.1 503 ")) << third.received;
    EXPECT_TRUE(has(third.received, "Retry-After: 5\r\n")) << third.received;
    EXPECT_TRUE(has(third.received, "\"errorCode\": 503")) << third.received;
    EXPECT_EQ(admission->refused(Refusal::connections), 1u);
    first.client.reset();
    ASSERT_TRUE(run_until(loop, [&] { return first.server->end.has_value(); }));
    Pair fourth = connect(server);
    EXPECT_TRUE(fourth.client);
}

TEST(AsioAcceptor, OutOfDescriptorsItWaitsAndThenGoesOn) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    GTEST_SKIP() << "the sanitizer looks at memory through a pipe, and here no descriptor is left";
#endif
#endif
    AsioLoop loop;
    Server server(loop);
    RawPeer peer = RawPeer::to_port(server.port());
    peer.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit tight = before;
    tight.rlim_cur = 3;  // what is open stays open
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int turns = 0;
    bool passed = false;
    const io::Timer timer = loop.call_at(loop.now() + 250ms, [&] { passed = true; });
    while (!passed) {
        loop.run_turn(AsioLoop::Wait::yes);
        ++turns;
    }
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_LT(turns, 20);
    ASSERT_TRUE(peer.await_end(loop));
    EXPECT_TRUE(has(peer.received, " 200 OK"));
}

TEST(AsioAcceptor, AStoppedAcceptorRefusesAndItsChannelsLiveOn) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    Pair pair = connect(server);
    const std::uint16_t port = server.port();
    server.acceptor->stop();
    server.acceptor.reset();
    testing::Dialed refused =
        testing::dial(loop, testing::target_of("ws://127.0.0.1:" + std::to_string(port)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::connection_refused);
    testing::send(*pair.client->channel, "still here");
    ASSERT_TRUE(run_until(loop, [&] { return !pair.client->messages.empty(); }));
}

TEST(AsioAcceptor, AnAddressInUseIsOneClearError) {
    AsioLoop loop;
    Server server(loop);
    ListenOptions options;
    options.host = "127.0.0.1";
    options.port = server.port();
    auto again = listen(options, {{&loop, nullptr, nullptr}}, Logger(null_log()));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(
        again.error().description,
        "cannot listen on 127.0.0.1:" + std::to_string(server.port()) + ": Address already in use");
    options.host = "no-such-host.invalid";
    again = listen(options, {{&loop, nullptr, nullptr}}, Logger(null_log()));
    ASSERT_FALSE(again);
    EXPECT_TRUE(has(again.error().description, "no-such-host.invalid does not resolve"));
}

TEST(AsioAcceptor, AUnixSocketIsPrivateAndADeadOneIsReplaced) {
    const std::filesystem::path folder =
        std::filesystem::path(::testing::TempDir()) / ("parley-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const std::string path = folder / "control.sock";
    AsioLoop loop;
    const auto on_unix = [&](ListenOptions& options) { options.unix_path = path; };
    {
        const RawPeer dead(UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0)));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        ASSERT_EQ(::bind(dead.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    {
        Server server(loop, on_unix);
        struct stat found{};
        ASSERT_EQ(::stat(path.c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777, 0600u);
        ListenOptions options;
        options.unix_path = path;
        const auto again = listen(options, {{&loop, nullptr, nullptr}}, Logger(null_log()));
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().description,
                  "cannot listen on " + path + ": Address already in use");
        RawPeer peer = RawPeer::to_unix(path);
        peer.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        ASSERT_TRUE(peer.await_end(loop));
        EXPECT_TRUE(has(peer.received, "{\"path\":\"/metrics\"}"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::remove_all(folder);
}

// Counts the channels of its loop's thread and keeps them there.
struct Counting final : io::ChannelHandler {
    void on_channel(std::unique_ptr<io::Channel> channel) override {
        EXPECT_EQ(std::this_thread::get_id(), thread);
        peers.push_back(std::make_unique<testing::Peer>(std::move(channel)));
        testing::Peer* const peer = peers.back().get();
        peer->on_message_hook = [peer](const std::string& message) {
            testing::send(*peer->channel, message);
        };
        ++count;
    }
    std::thread::id thread;
    std::atomic<int> count{0};
    std::vector<std::unique_ptr<testing::Peer>> peers;
};

TEST(AsioAcceptor, DealsConnectionsToItsLoopsInTurn) {
    AsioLoop client_loop;
    AsioLoop loops[2];
    Counting handlers[2];
    ListenOptions options;
    options.host = "127.0.0.1";
    options.subprotocols = {{testing::kProto, Subprotocol::Kind::binary, 1024}};
    auto acceptor =
        listen(options, {{&loops[0], &handlers[0], nullptr}, {&loops[1], &handlers[1], nullptr}},
               Logger(null_log()));
    ASSERT_TRUE(acceptor);
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
        threads[i] = std::thread([&, i] {
            handlers[i].thread = std::this_thread::get_id();
            loops[i].run();
            handlers[i].peers.clear();
        });
    }
    const std::string url = "ws://127.0.0.1:" + std::to_string((*acceptor)->port());
    std::vector<std::unique_ptr<testing::Peer>> clients;
    for (int i = 0; i < 20; ++i) {
        testing::Dialed dialed = testing::dial(client_loop, testing::target_of(url));
        ASSERT_TRUE(dialed);
        clients.push_back(std::make_unique<testing::Peer>(std::move(dialed).value()));
        testing::send(*clients.back()->channel, std::to_string(i));
    }
    for (const auto& client : clients) {
        EXPECT_TRUE(run_until(client_loop, [&] { return !client->messages.empty(); }));
    }
    EXPECT_EQ(handlers[0].count, 10);
    EXPECT_EQ(handlers[1].count, 10);
    for (int i = 0; i < 2; ++i) {
        loops[i].stop();
        threads[i].join();
    }
    acceptor->reset();
}

}  // namespace
}  // namespace parley::asio
