// Who may connect to a real listener, and whom a proxy speaks for.
#include "adapters/asio/reception.h"
#include "adapters/asio/testing/certificates.h"
#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "base/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

namespace parley::asio {
namespace {

using namespace testing;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::string kUpgrade =
    "GET /v1/connect HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: "
    "Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
    "13\r\n"
    "Sec-WebSocket-Protocol: parley.v1.json\r\n\r\n";

std::string proxied(const std::string& client) {
    const std::string family = client.find(':') == std::string::npos ? "TCP4 " : "TCP6 ";
    const std::string server = family == "TCP4 " ? " 203.0.113.5" : " 2001:db8:f::5";
    return "PROXY " + family + client + server + " 4242 443\r\n";
}

class AdmittingTest : public ::testing::Test {
  protected:
    AsioLoop loop;
    std::shared_ptr<Admission> admission;

    std::function<void(ListenOptions&)> with(AdmissionLimits limits, bool proxies = false) {
        admission = std::make_shared<Admission>(limits);
        return [this, proxies](ListenOptions& options) {
            options.admission = admission;
            if (proxies) {
                options.trusted_proxies = {Network::parse("127.0.0.0/8").value()};
            }
        };
    }
    std::function<void(ListenOptions&)> with_patience(AdmissionLimits limits, Duration patience) {
        return [patience, set = with(limits)](ListenOptions& options) {
            set(options);
            options.handshake_patience = patience;
        };
    }
    // What a connection that sends this is answered, once it has ended.
    std::string answer(Server& server, const std::string& bytes) {
        RawPeer peer = RawPeer::to_port(server.port());
        peer.send(bytes);
        EXPECT_TRUE(peer.await_end(loop));
        return peer.received;
    }
    // A session that stays, from this address.
    RawPeer join(Server& server, const std::string& client) {
        const std::size_t before = server.peers.size();
        RawPeer peer = RawPeer::to_port(server.port());
        peer.send(proxied(client) + kUpgrade);
        EXPECT_TRUE(run_until(loop, [&] { return server.peers.size() > before; }));
        return peer;
    }
};

TEST_F(AdmittingTest, TheAddressOfAProxiedConnectionIsItsClients) {
    Server server(loop, with({}, true));
    const RawPeer first = join(server, "192.0.2.7");
    EXPECT_EQ(server.peers.back()->channel->peer_address(), "192.0.2.7");
    const RawPeer second = join(server, "2001:db8::7");
    EXPECT_EQ(server.peers.back()->channel->peer_address(), "2001:db8::7");
    RawPeer drips = RawPeer::to_port(server.port());
    for (const char c : proxied("192.0.2.8") + kUpgrade) {
        drips.send(std::string(1, c));
        loop.run_turn(AsioLoop::Wait::no);
    }
    ASSERT_TRUE(run_until(loop, [&] { return server.peers.size() == 3; }));
    EXPECT_EQ(server.peers.back()->channel->peer_address(), "192.0.2.8");
    EXPECT_TRUE(
        has(answer(server, "PROXY UNKNOWN\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"), " 200 OK"));
}

TEST_F(AdmittingTest, AProxyIsReadBeforeTls) {
    CertificateAuthority authority;
    const auto files = authority.issue("server", {{"IP:127.0.0.1"}});
    const auto tls = TlsServer::load(files.certificate, files.key).value();
    Server server(loop, [&](ListenOptions& options) {
        with({}, true)(options);
        options.tls = tls;
    });
    // The record after the header is answered with an alert: it was read as TLS.
    const std::string record("\x16\x03\x01\x00\x05\x02\x00\x00\x01x", 10);
    const std::string alert = answer(server, proxied("192.0.2.7") + record);
    ASSERT_FALSE(alert.empty());
    EXPECT_EQ(alert[0], '\x15');
    EXPECT_EQ(answer(server, "no header at all"), "") << "nothing is said before TLS";
    EXPECT_EQ(admission->refused(Refusal::proxy_header), 1u);
}

TEST_F(AdmittingTest, ATrustedProxyMustSendItsHeader) {
    Server server(loop, with({}, true));
    const std::string said = answer(server, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(said, " 400 ")) << said;
    EXPECT_TRUE(has(said, "proxy.trusted")) << said;
    EXPECT_TRUE(server.requests.empty());
}

TEST_F(AdmittingTest, AHeaderFromAnybodyElseIsRefused) {
    Server server(loop, with({}));
    const std::string said = answer(server, proxied("192.0.2.7") + kUpgrade);
    EXPECT_TRUE(has(said, " 400 ")) << said;
    EXPECT_TRUE(has(said, "proxy.trusted")) << said;
    EXPECT_TRUE(server.peers.empty());
    EXPECT_EQ(admission->refused(Refusal::proxy_header), 1u);
}

TEST_F(AdmittingTest, TheLimitsOfAnAddressLeaveOthersAlone) {
    Server server(loop, with({.address_connections = 2}, true));
    const RawPeer first = join(server, "192.0.2.7");
    const RawPeer second = join(server, "192.0.2.7");
    const std::string said = answer(server, proxied("192.0.2.7") + kUpgrade);
    EXPECT_TRUE(has(said, "HTTP/1.1 429 ")) << said;
    EXPECT_TRUE(has(said, "\"errorCode\": 429")) << said;
    EXPECT_EQ(admission->refused(Refusal::address_connections), 1u);
    const RawPeer neighbour = join(server, "192.0.2.8");
    server.peers.front()->channel.reset();
    ASSERT_TRUE(run_until(loop, [&] { return admission->connections() == 2; }));
    const RawPeer third = join(server, "192.0.2.7");
}

TEST_F(AdmittingTest, WhoReadsWhyItIsRefusedKeepsNobodysPlace) {
    Server server(loop, with({.connections = 2, .handshakes = 1, .address_connections = 1}, true));
    const RawPeer first = join(server, "192.0.2.7");
    RawPeer refused = RawPeer::to_port(server.port());
    refused.send(proxied("192.0.2.7") + kUpgrade);
    ASSERT_TRUE(refused.await_end(loop));
    EXPECT_TRUE(has(refused.received, "HTTP/1.1 429 ")) << refused.received;
    // It has not closed its end yet.
    EXPECT_EQ(admission->connections(), 1u);
    EXPECT_EQ(admission->handshakes, 0);
}

TEST_F(AdmittingTest, FewRefusedConnectionsAreOpenAtOnceAlsoWhileTheirLoopIsBusy) {
    AsioLoop busy;
    ListenOptions options;
    options.host = "127.0.0.1";
    with({.connections = 1})(options);
    auto acceptor =
        listen(options, {{&loop, nullptr, nullptr}, {&busy, nullptr, nullptr}}, Logger(null_log()))
            .value();
    const RawPeer only = RawPeer::to_port(acceptor->port());
    ASSERT_TRUE(run_until(loop, [&] { return admission->connections() == 1; }));
    constexpr std::size_t kOthers = 4 * Telling::kMost;
    std::vector<RawPeer> others;
    for (std::size_t i = 0; i < kOthers; ++i) {
        others.push_back(RawPeer::to_port(acceptor->port()));
        loop.run_turn(AsioLoop::Wait::no);
    }
    EXPECT_TRUE(RawPeer::await_until(loop, [&] {
        return std::count_if(others.begin(), others.end(), [](RawPeer& peer) {
                   peer.receive();
                   return peer.closed;
               }) >= static_cast<std::ptrdiff_t>(kOthers - Telling::kMost);
    }));
}

TEST_F(AdmittingTest, AStrangerCountsUntilItHasProvedWhoItIs) {
    Server server(loop, with({.address_unauthenticated = 1}, true));
    server.keeps_strangers = true;
    const RawPeer first = join(server, "192.0.2.7");
    EXPECT_TRUE(has(answer(server, proxied("192.0.2.7") + kUpgrade), "HTTP/1.1 429 "));
    server.peers.front()->channel->authenticated();
    const RawPeer second = join(server, "192.0.2.7");
}

TEST_F(AdmittingTest, AStrangersMessageMayBeAsLongAsAHello) {
    Server server(loop);
    server.keeps_strangers = true;
    Pair pair = connect(server);
    send(*pair.client->channel, std::string(kHelloBytes, 'x'));
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->messages.size() == 1; }));
    pair.server->channel->authenticated();
    send(*pair.client->channel, std::string(kHelloBytes + 1, 'x'));
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->messages.size() == 2; }));
    Pair stranger = connect(server);
    send(*stranger.client->channel, std::string(kHelloBytes + 1, 'x'));
    ASSERT_TRUE(run_until(loop, [&] { return stranger.client->end.has_value(); }));
    EXPECT_EQ(stranger.client->end->code, io::close_code::kMessageTooBig);
    EXPECT_TRUE(stranger.server->messages.empty());
}

TEST_F(AdmittingTest, AYoungHandshakeKeepsItsPlace) {
    Server server(loop, with_patience({.handshakes = 2}, 1h));
    RawPeer silent = RawPeer::to_port(server.port());
    ASSERT_TRUE(run_until(loop, [&] { return admission->handshakes == 1; }));
    RawPeer drips = RawPeer::to_port(server.port());
    drips.send("GET / HT");
    ASSERT_TRUE(run_until(loop, [&] { return admission->handshakes == 2; }));
    EXPECT_TRUE(has(answer(server, kUpgrade), "HTTP/1.1 503 ")) << "both are young";
    EXPECT_EQ(admission->refused(Refusal::handshakes), 1u);
}

TEST_F(AdmittingTest, AHandshakeThatHadItsTimeGivesWay) {
    Server server(loop, with_patience({.handshakes = 2}, 0ms));
    RawPeer silent = RawPeer::to_port(server.port());
    ASSERT_TRUE(run_until(loop, [&] { return admission->handshakes == 1; }));
    RawPeer drips = RawPeer::to_port(server.port());
    drips.send("GET / HT");
    ASSERT_TRUE(run_until(loop, [&] { return admission->handshakes == 2; }));
    EXPECT_TRUE(connect(server).client);
    EXPECT_TRUE(silent.await_end(loop)) << "it was the oldest";
    EXPECT_EQ(admission->handshakes, 1);
}

TEST_F(AdmittingTest, AnAddressWithManyYoungHandshakesKeepsNoOtherOut) {
    Server server(loop, with_patience({.handshakes = 4}, 1h));
    std::vector<RawPeer> silent;
    for (const char* const address : {"127.0.0.7", "127.0.0.8", "127.0.0.7", "127.0.0.7"}) {
        silent.push_back(RawPeer::to_port(server.port(), 0, address));
        const auto count = static_cast<std::int64_t>(silent.size());
        ASSERT_TRUE(run_until(loop, [&] { return admission->handshakes == count; }));
    }
    EXPECT_TRUE(connect(server).client) << "from 127.0.0.1";
    EXPECT_TRUE(silent.back().await_end(loop)) << "the youngest of whoever had most gives way";
    for (RawPeer& peer : std::span(silent).first(3)) {
        peer.receive();
        EXPECT_FALSE(peer.closed);
    }
}

TEST_F(AdmittingTest, AHandshakeIsItsClientsAndNotItsProxys) {
    Server server(loop, [&](ListenOptions& options) {
        with_patience({.handshakes = 2}, 1h)(options);
        options.trusted_proxies = {Network::parse("127.0.0.9").value()};
    });
    std::vector<RawPeer> silent;
    for (const char* const client : {"192.0.2.7", "192.0.2.8"}) {
        silent.push_back(RawPeer::to_port(server.port(), 0, "127.0.0.9"));
        silent.back().send(proxied(client));
        ASSERT_TRUE(run_until(loop, [&] { return admission->addresses() == silent.size(); }));
    }
    EXPECT_TRUE(has(answer(server, kUpgrade), "HTTP/1.1 503 ")) << "nobody has more than one";
}

}  // namespace
}  // namespace parley::asio
