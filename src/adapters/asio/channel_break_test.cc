#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/testing/raw_peer.h"
#include "wire/websocket/frame.h"

#include <gtest/gtest.h>

#include <poll.h>
#include <filesystem>
#include <string>
#include <vector>

// Connections that break before their reading is paused: their last messages lead to the pause, and
// were told together with the break. Nothing more is told of such a socket, and nobody reads it.
namespace parley::asio {
namespace {

using testing::RawPeer;
using testing::run_until;
using testing::Server;

// The socket in this process that a TCP socket of it is connected to.
int other_end_of(int descriptor) {
    sockaddr_in own{};
    socklen_t size = sizeof(own);
    EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size), 0);
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int other = std::stoi(entry.path().filename());
        sockaddr_in far{};
        size = sizeof(far);
        if (::getpeername(other, reinterpret_cast<sockaddr*>(&far), &size) == 0 &&
            size == sizeof(far) && far.sin_port == own.sin_port) {
            return other;
        }
    }
    ADD_FAILURE() << "nobody is connected to this socket";
    return -1;
}

// A channel whose peer has sent two messages and a reset, which have both arrived and which its
// loop has not looked at.
struct Broken {
    explicit Broken(Server& server) {
        RawPeer peer = RawPeer::to_port(server.port());
        peer.send(testing::upgrade_request());
        EXPECT_TRUE(RawPeer::await_until(server.loop, [&] {
            return !server.peers.empty() && peer.receive().find("\r\n\r\n") != std::string::npos;
        }));
        channel = server.peers.back().get();
        const int other = other_end_of(peer.fd());
        Bytes frames;
        for (const char* text : {"first", "second"}) {
            websocket::append_frame(frames, websocket::Opcode::binary, as_bytes(text),
                                    websocket::MaskKey{9, 8, 7, 6});
        }
        // In one segment: a second one would wait for the first to be acknowledged, and be reset.
        peer.send(frames);
        peer.reset();
        // POLLERR and POLLHUP come unasked.
        pollfd broken{other, 0, 0};
        EXPECT_EQ(::poll(&broken, 1, 20'000), 1) << "the reset did not arrive";
    }

    testing::Peer* channel = nullptr;
};

TEST(AsioChannelBreak, IsNoticedWhereTheLastMessagesPauseTheReading) {
    AsioLoop loop;
    Server server(loop);
    const Broken broken(server);
    testing::Peer& peer = *broken.channel;
    peer.on_message_hook = [&](const std::string&) { peer.channel->pause_reading(true); };
    ASSERT_TRUE(run_until(loop, [&] { return peer.end.has_value(); }));
    EXPECT_EQ(peer.end->code, io::close_code::kAbnormal);
    EXPECT_EQ(peer.messages, std::vector<std::string>{"first"});
}

TEST(AsioChannelBreak, IsNoticedWhereTheirSignOfLifePausesTheReading) {
    AsioLoop loop;
    Server server(loop);
    const Broken broken(server);
    testing::Peer& peer = *broken.channel;
    peer.on_alive_hook = [&] { peer.channel->pause_reading(true); };
    ASSERT_TRUE(run_until(loop, [&] { return peer.end.has_value(); }));
    EXPECT_EQ(peer.end->code, io::close_code::kAbnormal);
    EXPECT_TRUE(peer.messages.empty());
}

TEST(AsioChannelBreak, IsToldAfterAllMessagesWhereNobodyPausesTheReading) {
    AsioLoop loop;
    Server server(loop);
    const Broken broken(server);
    testing::Peer& peer = *broken.channel;
    ASSERT_TRUE(run_until(loop, [&] { return peer.end.has_value(); }));
    EXPECT_EQ(peer.end->code, io::close_code::kAbnormal);
    EXPECT_EQ(peer.messages, (std::vector<std::string>{"first", "second"}));
}

}  // namespace
}  // namespace parley::asio
