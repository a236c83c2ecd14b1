#include "adapters/asio/testing/loopback.h"
#include "base/random.h"

#include <gtest/gtest.h>

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

TEST(AsioChannel, APeerThatDoesNotAnswerTheCloseIsGivenUpAfterTheTimeout) {
    AsioLoop loop;
    Server server(loop, [](ListenOptions& options) { options.close_timeout = 20ms; });
    Pair pair = connect(server);
    pair.client->channel->pause_reading(true);
    pair.server->channel->close(io::close_code::kNormal, "bye");
    ASSERT_TRUE(run_until(loop, [&] { return pair.server->end.has_value(); }));
    EXPECT_EQ(pair.server->end->code, io::close_code::kAbnormal);
}

}  // namespace
}  // namespace parley::asio
