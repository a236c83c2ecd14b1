// An implementation of WebSocket that is not ours, on the other end: Boost.Beast, blocking, in a
// thread of its own. Alone in its file, because it takes long to compile.
#include "adapters/asio/testing/loopback.h"

#include <gtest/gtest.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace parley::asio {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
using BeastStream = ws::stream<net::ip::tcp::socket, false>;  // without permessage-deflate
using testing::dial;
using testing::Dialed;
using testing::kProto;
using testing::Peer;
using testing::run_until;
using testing::send;
using testing::Server;
using testing::target_of;

const std::vector<std::size_t>& sizes() {
    static const std::vector<std::size_t> kSizes = {0,     1,     125,   126,    127,
                                                    65535, 65536, 70000, 300000, 5};
    return kSizes;
}

std::string message_of(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + i % 26);
    }
    return text;
}

struct BeastReport {
    std::vector<std::string> echoes;
    int pongs = 0;
    ws::close_reason reason;
};

BeastReport talk_as_client(std::uint16_t port) {
    net::io_context context;
    BeastStream stream(context);
    stream.next_layer().connect({net::ip::address_v4::loopback(), port});
    stream.set_option(ws::stream_base::decorator([](ws::request_type& request) {
        request.set(beast::http::field::sec_websocket_protocol, kProto);
    }));
    stream.handshake("localhost", "/v1/connect");
    BeastReport report;
    stream.control_callback([&report](ws::frame_type kind, beast::string_view payload) {
        report.pongs += kind == ws::frame_type::pong && payload == "life" ? 1 : 0;
    });
    stream.binary(true);
    stream.write_buffer_bytes(1000);
    beast::flat_buffer buffer;
    for (const std::size_t size : sizes()) {
        stream.auto_fragment(size % 2 == 0);
        stream.ping("life");
        stream.write(net::buffer(message_of(size)));
        buffer.clear();
        stream.read(buffer);
        report.echoes.push_back(beast::buffers_to_string(buffer.data()));
    }
    stream.close(ws::close_reason(static_cast<ws::close_code>(4321), "enough"));
    report.reason = stream.reason();
    return report;
}

TEST(InteropBeast, ItsClientTalksToOurServer) {
    AsioLoop loop;
    Server server(loop);
    server.echoes = true;
    std::atomic<bool> finished{false};
    BeastReport report;
    std::string failure;
    std::thread client([&, port = server.port()] {
        try {
            report = talk_as_client(port);
        } catch (const std::exception& error) {
            failure = error.what();
        }
        finished = true;
        loop.post([] {});
    });
    EXPECT_TRUE(run_until(loop, [&] { return finished.load(); }));
    if (!finished) {
        server.peers.clear();
    }
    client.join();
    EXPECT_EQ(failure, "");
    ASSERT_EQ(report.echoes.size(), sizes().size());
    for (std::size_t i = 0; i < sizes().size(); ++i) {
        EXPECT_EQ(report.echoes[i], message_of(sizes()[i]));
    }
    EXPECT_EQ(report.pongs, static_cast<int>(sizes().size()));
    ASSERT_TRUE(run_until(loop, [&] { return server.peers[0]->end.has_value(); }));
    EXPECT_EQ(server.peers[0]->end->code, 4321);
    EXPECT_EQ(server.peers[0]->end->reason, "enough");
}

// Echoes until it is closed; what it heard last.
void serve_once(net::ip::tcp::acceptor& acceptor, std::atomic<int>& close_code) {
    net::ip::tcp::socket socket(acceptor.get_executor());
    acceptor.accept(socket);
    BeastStream stream(std::move(socket));
    stream.set_option(ws::stream_base::decorator([](ws::response_type& response) {
        response.set(beast::http::field::sec_websocket_protocol, kProto);
    }));
    stream.accept();
    stream.binary(true);
    stream.auto_fragment(true);
    stream.write_buffer_bytes(777);
    boost::system::error_code error;
    beast::flat_buffer buffer;
    while (true) {
        buffer.clear();
        stream.read(buffer, error);
        if (error) {
            break;
        }
        stream.ping("are you there", error);
        stream.write(buffer.data(), error);
    }
    close_code = stream.reason().code;
}

TEST(InteropBeast, OurClientTalksToItsServer) {
    net::io_context context;
    net::ip::tcp::acceptor acceptor(context, {net::ip::address_v4::loopback(), 0});
    std::atomic<int> close_code{0};
    std::thread server([&] { serve_once(acceptor, close_code); });
    AsioLoop loop;
    Dialed dialed =
        dial(loop, target_of("ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())));
    EXPECT_TRUE(dialed) << dialed.error().description;
    if (dialed) {
        Peer client(std::move(dialed).value());
        for (const std::size_t size : sizes()) {
            send(*client.channel, message_of(size));
        }
        EXPECT_TRUE(run_until(loop, [&] { return client.messages.size() == sizes().size(); }));
        for (std::size_t i = 0; i < client.messages.size(); ++i) {
            EXPECT_EQ(client.messages[i], message_of(sizes()[i]));
        }
        client.channel->close(3210, "done");
        EXPECT_TRUE(run_until(loop, [&] { return client.end.has_value(); }));
        EXPECT_EQ(client.end->code, 3210);
    }
    server.join();
    EXPECT_EQ(close_code, 3210);
}

}  // namespace
}  // namespace parley::asio
