#include "adapters/asio/connection.h"
#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "adapters/asio/testing/tcp_segments.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using testing::connect;
using testing::kJson;
using testing::kProto;
using testing::Pair;
using testing::Peer;
using testing::RawPeer;
using testing::run_until;
using testing::send;
using testing::Server;

TEST(AsioChannel, CarriesMessagesBothWaysInOrder) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    Pair pair = connect(server);
    EXPECT_EQ(pair.client->channel->subprotocol(), kProto);
    EXPECT_EQ(pair.server->channel->subprotocol(), kProto);
    EXPECT_EQ(pair.server->channel->peer_address(), "127.0.0.1");
    EXPECT_EQ(pair.client->channel->peer_address(), "127.0.0.1");
    std::vector<std::string> sent;
    for (int i = 0; i < 1000; ++i) {
        sent.push_back("message " + std::to_string(i));
        send(*pair.client->channel, sent.back());
    }
    EXPECT_TRUE(pair.client->messages.empty());
    ASSERT_TRUE(run_until(loop, [&] { return pair.client->messages.size() == sent.size(); }));
    EXPECT_EQ(pair.client->messages, sent);
    EXPECT_GT(pair.client->alive, 0);
}

TEST(AsioChannel, CarriesMessagesOfEverySizeUpToTheLimit) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    Pair pair = connect(server);
    Random random(1);
    for (const std::size_t size :
         {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 65537u, 300000u, 1048576u}) {
        std::string message(size, '\0');
        for (char& c : message) {
            c = static_cast<char>(random.next());
        }
        pair.client->messages.clear();
        send(*pair.client->channel, message);
        ASSERT_TRUE(run_until(loop, [&] { return !pair.client->messages.empty(); }));
        ASSERT_EQ(pair.client->messages.front(), message) << size;
    }
}

TEST(AsioChannel, ATextSubprotocolCarriesText) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    Pair pair = connect(server, kJson);
    EXPECT_EQ(pair.server->channel->subprotocol(), kJson);
    send(*pair.client->channel, "{\"text\":\"gr\xC3\xBC\xC3\x9F\"}");
    ASSERT_TRUE(run_until(loop, [&] { return !pair.client->messages.empty(); }));
    EXPECT_EQ(pair.client->messages.front(), "{\"text\":\"gr\xC3\xBC\xC3\x9F\"}");
}

TEST(AsioChannel, AMessageAboveTheLimitEndsTheChannelWith1009OnBothSides) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    send(*pair.client->channel, "before");
    send(*pair.client->channel, std::string(1024 * 1024 + 1, 'x'));
    ASSERT_TRUE(run_until(loop, [&] { return pair.client->end && pair.server->end; }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kMessageTooBig);
    EXPECT_EQ(pair.client->end->code, io::close_code::kMessageTooBig);
    EXPECT_EQ(pair.server->messages, std::vector<std::string>{"before"});
}

TEST(AsioChannel, CloseDeliversWhatWasAcceptedAndThenTheCode) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    send(*pair.server->channel, "last words");
    pair.server->channel->close(io::close_code::kGoingAway, "drain");
    send(*pair.server->channel, "too late");
    pair.server->channel->close(io::close_code::kNormal, "again");
    EXPECT_FALSE(pair.server->channel->has_room());
    ASSERT_TRUE(run_until(loop, [&] { return pair.client->end && pair.server->end; }));
    EXPECT_EQ(pair.client->messages, std::vector<std::string>{"last words"});
    EXPECT_EQ(pair.client->end->code, io::close_code::kGoingAway);
    EXPECT_EQ(pair.client->end->reason, "drain");
    EXPECT_EQ(pair.server->end->code, io::close_code::kGoingAway);
}

TEST(AsioChannel, AClientClosesToo) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.client->channel->close(io::close_code::kNormal, "");
    ASSERT_TRUE(run_until(loop, [&] { return pair.client->end && pair.server->end; }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kNormal);
    EXPECT_EQ(pair.client->end->code, io::close_code::kNormal);
}

TEST(AsioChannel, ADestroyedChannelEndsTheOtherSideAbnormally) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.client.reset();
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
}

TEST(AsioChannel, PingsAreAnsweredAndCountAsLife) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.server->channel->ping();
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->alive > 0; }));
    EXPECT_GT(pair.client->alive, 0);
    EXPECT_TRUE(pair.client->messages.empty());
    EXPECT_TRUE(pair.server->messages.empty());
}

// A reader that stops makes the writer's room run out; it comes back when it reads again, and
// nothing is lost or out of order.
TEST(AsioChannel, APausedReaderIsFeltAsBackpressureAndNothingIsLost) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.client->channel->pause_reading(true);
    int sent = 0;
    const std::string filler(20000, 'f');
    const auto fill = [&] {
        while (pair.server->channel->has_room()) {
            send(*pair.server->channel, std::to_string(sent++) + ":" + filler);
        }
    };
    // Fill what the kernel takes, too: until a whole turn brought no room.
    int without_room = 0;
    ASSERT_TRUE(run_until(loop, [&] {
        fill();
        without_room = pair.server->channel->has_room() ? 0 : without_room + 1;
        loop.post([] {});
        return without_room > 50;
    }));
    EXPECT_TRUE(pair.client->messages.empty());
    const int rooms = pair.server->rooms;
    pair.client->channel->pause_reading(false);
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->rooms > rooms; }));
    ASSERT_TRUE(run_until(
        loop, [&] { return pair.client->messages.size() == static_cast<std::size_t>(sent); }));
    for (int i = 0; i < sent; ++i) {
        ASSERT_EQ(pair.client->messages[i], std::to_string(i) + ":" + filler);
    }
}

TEST(AsioChannel, PausingInTheMiddleOfAReadHoldsBackTheRest) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.server->on_message_hook = [&](const std::string&) {
        pair.server->channel->pause_reading(true);
    };
    for (int i = 0; i < 100; ++i) {
        send(*pair.client->channel, std::to_string(i));
    }
    for (std::size_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(run_until(loop, [&] { return pair.server->messages.size() > i; }));
        EXPECT_EQ(pair.server->messages.size(), i + 1);
        EXPECT_EQ(pair.server->messages.back(), std::to_string(i));
        pair.server->channel->pause_reading(false);
    }
}

std::string masked_frame(std::string_view payload) {
    Bytes frame;
    websocket::append_frame(frame, websocket::Opcode::binary, as_bytes(payload),
                            websocket::MaskKey{9, 8, 7, 6});
    return frame;
}

TEST(AsioChannel, WhatCameBehindTheUpgradeIsToldBeforeWhatCameSince) {
    AsioLoop loop;
    Server server(loop);
    RawPeer peer = RawPeer::to_port(server.port());
    // There, and the socket ready, when the channel first looks.
    server.on_channel_hook = [&](Peer&) { peer.send(masked_frame("second")); };
    peer.send(testing::upgrade_request() + masked_frame("first"));
    ASSERT_TRUE(run_until(
        loop, [&] { return !server.peers.empty() && server.peers.back()->messages.size() == 2; }));
    EXPECT_EQ(server.peers.back()->messages, (std::vector<std::string>{"first", "second"}));
}

TEST(AsioChannel, TheObserverMayDestroyTheChannelInEveryCallback) {
    AsioLoop loop;
    Server server(loop);
    const std::string large(200000, 'x');
    for (int kind = 0; kind < 4; ++kind) {
        Pair pair = connect(server);
        bool destroyed = false;
        Peer& peer = *pair.server;
        const auto destroy = [&] {
            peer.channel.reset();
            destroyed = true;
        };
        if (kind == 0) {
            peer.on_message_hook = [&](const std::string&) { destroy(); };
        } else if (kind == 1) {
            peer.on_alive_hook = destroy;
        } else if (kind == 2) {
            peer.on_room_hook = destroy;
            while (peer.channel->has_room()) {
                send(*peer.channel, large);
            }
        } else {
            peer.on_end_hook = destroy;
            pair.client->channel->close(io::close_code::kNormal, "");
        }
        if (kind < 2) {
            send(*pair.client->channel, "one");
            send(*pair.client->channel, "two");
        }
        ASSERT_TRUE(run_until(loop, [&] { return destroyed; })) << kind;
        if (kind < 3) {
            ASSERT_TRUE(run_until(loop, [&] { return pair.client->end.has_value(); })) << kind;
        }
    }
}

TEST(AsioChannel, AConnectionThatBreaksWhileReadingIsPausedIsNoticed) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.server->channel->pause_reading(true);
    // Unread bytes at the client make its end a reset, which shows without reading.
    pair.client->channel->pause_reading(true);
    send(*pair.server->channel, "never read");
    loop.run_turn(AsioLoop::Wait::no);
    loop.run_turn(AsioLoop::Wait::no);
    pair.client.reset();
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
}

TEST(AsioChannel, AConnectionThatBreaksBehindBytesThatNobodyReadsIsNoticed) {
    AsioLoop loop;
    Server server(loop);
    Pair pair = connect(server);
    pair.server->channel->pause_reading(true);
    pair.client->channel->pause_reading(true);
    send(*pair.client->channel, "wakes the wait for bytes");
    send(*pair.server->channel, "never read");
    loop.run_turn(AsioLoop::Wait::no);
    loop.run_turn(AsioLoop::Wait::no);
    loop.run_turn(AsioLoop::Wait::no);
    EXPECT_FALSE(pair.server->end);
    pair.client.reset();
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
    EXPECT_TRUE(pair.server->messages.empty());
}

TEST(AsioChannel, AnEndThatLiesBehindTheLastBytesIsToldAfterThem) {
    AsioLoop loop;
    Server server(loop);
    // In one readiness with the bytes, also where reading was paused when it came.
    for (const bool paused : {false, true}) {
        Pair pair = connect(server);
        pair.server->channel->pause_reading(paused);
        send(*pair.client->channel, "the last words");
        loop.run_turn(AsioLoop::Wait::no);
        pair.client.reset();
        loop.run_turn(AsioLoop::Wait::no);
        pair.server->channel->pause_reading(false);
        ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); })) << paused;
        EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
        EXPECT_EQ(pair.server->messages, std::vector<std::string>{"the last words"});
    }
}

TEST(AsioChannel, MoreConnectionsThanATurnServesAreAllServed) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    std::vector<Pair> pairs;
    for (int i = 0; i < 150; ++i) {
        pairs.push_back(connect(server));
    }
    for (int round = 1; round <= 3; ++round) {
        for (Pair& pair : pairs) {
            send(*pair.client->channel, "hello");
        }
        ASSERT_TRUE(run_until(loop, [&] {
            return std::all_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
                return pair.client->messages.size() == static_cast<std::size_t>(round);
            });
        })) << round;
    }
    // One that goes while others are being served, by the hand of one of them.
    pairs.back().client->on_message_hook = [&](const std::string&) {
        for (std::size_t i = 0; i + 1 < pairs.size(); ++i) {
            pairs[i].client.reset();
        }
    };
    for (Pair& pair : pairs) {
        send(*pair.client->channel, "and goodbye");
    }
    ASSERT_TRUE(run_until(loop, [&] { return pairs.front().client == nullptr; }));
    EXPECT_EQ(pairs.back().client->messages.size(), 4u);
}

TEST(AsioChannel, APeerThatDoesNotAnswerTheCloseIsGivenUpAfterTheTimeout) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.close_timeout = 20ms; });
    Pair pair = connect(server);
    pair.client->channel->pause_reading(true);
    pair.server->channel->close(io::close_code::kNormal, "bye");
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
}

// A client by hand: speaks frames as a test wants them.
class RawClient {
  public:
    explicit RawClient(Server& server, int receive_buffer = 0)
        : server_(server), peer(RawPeer::to_port(server.port(), receive_buffer)) {
        const std::size_t before = server.peers.size();
        peer.send(testing::upgrade_request());
        EXPECT_TRUE(run_until(server.loop, [&] { return server.peers.size() > before; }));
        other = server.peers.back().get();
        EXPECT_TRUE(RawPeer::await_until(
            server.loop, [&] { return peer.receive().find("\r\n\r\n") != std::string::npos; }));
        peer.received.erase(0, peer.received.find("\r\n\r\n") + 4);
    }
    void send(websocket::Opcode opcode, std::string_view payload) {
        Bytes frame;
        websocket::append_frame(frame, opcode, as_bytes(payload), websocket::MaskKey{9, 8, 7, 6});
        peer.send(frame);
    }
    // The frames that came until the end of the stream, as (opcode, payload).
    std::vector<std::pair<int, std::string>> frames() {
        std::vector<std::pair<int, std::string>> found;
        std::string_view left = peer.receive();
        while (left.size() >= 2) {
            const auto size = static_cast<std::size_t>(left[1]);
            EXPECT_LT(size, 126u);
            found.emplace_back(left[0] & 0x0F, left.substr(2, size));
            left.remove_prefix(2 + size);
        }
        return found;
    }

    Server& server_;
    RawPeer peer;
    Peer* other = nullptr;
};

std::string close_payload(std::uint16_t code) {
    return {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
}

TEST(AsioChannel, AllFramesOfATurnLeaveInOneWrite) {
    AsioLoop loop;
    Server server(loop);
    RawClient client(server);
    const unsigned before = testing::data_segments_received(client.peer.fd());
    for (int i = 0; i < 200; ++i) {
        send(*client.other->channel, std::string(100, 'm'));
    }
    client.other->channel->ping();
    ASSERT_TRUE(client.peer.await(loop, std::size_t{200} * 102 + 2));
    EXPECT_EQ(testing::data_segments_received(client.peer.fd()) - before, 1u);
}

TEST(AsioChannel, ControlFramesBetweenFragmentsAndManyPingsAreAnsweredInOrder) {
    AsioLoop loop;
    Server server(loop);
    RawClient client(server);
    Bytes all;
    const websocket::MaskKey key{1, 2, 3, 4};
    websocket::append_frame(all, websocket::Opcode::binary, as_bytes("first "), key);
    all[0] = static_cast<char>(0x02);  // not final
    for (int i = 0; i < 10; ++i) {
        websocket::append_frame(all, websocket::Opcode::ping, as_bytes(std::to_string(i)), key);
    }
    websocket::append_frame(all, websocket::Opcode::continuation, as_bytes("second"), key);
    for (const char c : all) {
        client.peer.send(std::string_view(&c, 1));
        loop.run_turn(AsioLoop::Wait::no);
    }
    ASSERT_TRUE(run_until(loop, [&] { return !client.other->messages.empty(); }));
    EXPECT_EQ(client.other->messages.front(), "first second");
    ASSERT_TRUE(client.peer.await(loop, std::size_t{10} * 3));
    const auto frames = client.frames();
    ASSERT_EQ(frames.size(), 10u);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(frames[i], (std::pair<int, std::string>{0xA, std::to_string(i)}));
    }
}

TEST(AsioChannel, ViolationsAreAnsweredWithTheirCodeAndThenTheConnectionEnds) {
    AsioLoop loop;
    Server server(loop);
    const std::pair<std::string, std::uint16_t> cases[] = {
        {"\xC2\x80" + std::string(4, '\0'), 1002},                  // reserved bit
        {"\x83\x80" + std::string(4, '\0'), 1002},                  // reserved opcode
        {std::string("\x82\x01x", 3), 1002},                        // not masked
        {std::string("\x81\x80", 2) + std::string(4, '\0'), 1003},  // text on a binary session
        {std::string("\x80\x80", 2) + std::string(4, '\0'), 1002},  // continuation of nothing
        {"\x82\xFF" + std::string(5, '\0') + "\x20" + std::string(2, '\0'), 1009},
    };
    for (const auto& [bytes, code] : cases) {
        RawClient client(server);
        client.peer.send(bytes + std::string(100000, 'z'));
        ASSERT_TRUE(client.peer.await_end(loop));
        const auto frames = client.frames();
        ASSERT_EQ(frames.size(), 1u) << code;
        EXPECT_EQ(frames[0].first, 8);
        EXPECT_EQ(frames[0].second.substr(0, 2), close_payload(code));
        EXPECT_GT(frames[0].second.size(), 2u);
        EXPECT_FALSE(client.other->end.has_value());
        client.peer.drop();
        ASSERT_TRUE(run_until(loop, [&] { return client.other->end.has_value(); }));
        EXPECT_EQ(client.other->end->code, code);
    }
}

TEST(AsioChannel, APeersCloseIsAnsweredWithItsCode) {
    AsioLoop loop;
    Server server(loop);
    for (const std::uint16_t code : std::initializer_list<std::uint16_t>{1000, 1001, 3000, 4999}) {
        RawClient client(server);
        client.send(websocket::Opcode::close, close_payload(code) + "why");
        ASSERT_TRUE(client.peer.await_end(loop));
        ASSERT_EQ(client.frames().size(), 1u);
        EXPECT_EQ(client.frames()[0], (std::pair<int, std::string>{8, close_payload(code)}));
        ASSERT_TRUE(client.other->end.has_value());
        EXPECT_EQ(client.other->end->code, code);
        EXPECT_EQ(client.other->end->reason, "why");
    }
    RawClient client(server);
    client.send(websocket::Opcode::close, "");
    ASSERT_TRUE(client.peer.await_end(loop));
    EXPECT_EQ(client.frames()[0], (std::pair<int, std::string>{8, ""}));
    EXPECT_EQ(client.other->end->code, io::close_code::kNoStatus);
}

// R20: a peer that sends pings and reads nothing makes us keep no more than the bound.
TEST(AsioChannel, PingsOfAPeerThatDoesNotReadCostBoundedMemory) {
    AsioLoop loop;
    Server server(loop);
    RawClient client(server, 4096);
    while (client.other->channel->has_room()) {
        send(*client.other->channel, std::string(50000, 'x'));
        loop.run_turn(AsioLoop::Wait::no);
    }
    for (int i = 0; i < 3000; ++i) {
        client.send(websocket::Opcode::ping, std::to_string(i) + std::string(100, 'p'));
        loop.run_turn(AsioLoop::Wait::no);
    }
    // Of 3,000 pings nearly all are answered by the last pong alone. A close that comes before
    // there is room would leave that out too (RFC 6455, 5.5.2).
    ASSERT_TRUE(RawPeer::await_until(loop, [&] {
        const std::string& received = client.peer.receive();
        return received.find("2999ppp",
                             received.size() - std::min<std::size_t>(received.size(), 4096)) !=
               std::string::npos;
    }));
    client.send(websocket::Opcode::close, close_payload(1000));
    ASSERT_TRUE(client.peer.await_end(loop));
    ASSERT_TRUE(run_until(loop, [&] { return client.other->end.has_value(); }));
    EXPECT_LT(client.peer.received.size(), 10'000'000u);
    EXPECT_EQ(client.peer.received.find("1500ppp"), std::string::npos);
}

TEST(AsioChannel, AnIdleConnectionIsSmall) {
    EXPECT_LE(sizeof(Connection), 288u);
}

}  // namespace
}  // namespace parley::asio
