#pragma once

#include "adapters/asio/testing/loopback.h"
#include "adapters/asio/unique_fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cstring>
#include <string>

namespace parley::asio::testing {

// A socket without manners: sends and receives bytes as a test says, beside the loop under test.
class RawPeer {
  public:
    explicit RawPeer(UniqueFd fd) : fd_(std::move(fd)) {}
    static RawPeer to_port(std::uint16_t port, int receive_buffer = 0,
                           const char* source = nullptr) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
        if (receive_buffer > 0) {
            ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
        }
        if (source != nullptr) {
            sockaddr_in own{};
            own.sin_family = AF_INET;
            EXPECT_EQ(::inet_pton(AF_INET, source, &own.sin_addr), 1);
            EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)), 0);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        return RawPeer(std::move(fd));
    }
    // Does not wait for the connection to stand.
    static RawPeer begin_to_port(std::uint16_t port) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
        return RawPeer(std::move(fd));
    }
    static RawPeer to_unix(const std::string& path) {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        return RawPeer(std::move(fd));
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    // What has arrived since; sets `closed` at the end of the stream.
    const std::string& receive() {
        char buffer[65536];
        while (true) {
            const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
            if (got <= 0) {
                closed = closed || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
                return received;
            }
            received.append(buffer, static_cast<std::size_t>(got));
        }
    }
    // Runs the loop, which serves this peer, until the peer has `count` bytes more, or the stream
    // ends.
    bool await(AsioLoop& loop, std::size_t count) {
        return await_until(loop, [&] { return receive().size() >= count || closed; });
    }
    bool await_end(AsioLoop& loop) {
        return await_until(loop, [&] {
            receive();
            return closed;
        });
    }
    // The peer is no part of the loop: a posted task keeps the turns coming.
    static bool await_until(AsioLoop& loop, const std::function<bool()>& condition) {
        return run_until(loop, [&] {
            loop.post([] {});
            return condition();
        });
    }
    int fd() const { return fd_.get(); }
    void shut_down_writing() { ::shutdown(fd_.get(), SHUT_WR); }
    void drop() { fd_.reset(); }
    // Without an end of the stream.
    void reset() {
        const linger at_once{1, 0};
        EXPECT_EQ(::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        drop();
    }

    std::string received;
    bool closed = false;

  private:
    UniqueFd fd_;
};

// A listener that plays a server which is none.
class RawServer {
  public:
    explicit RawServer(int backlog = 16) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        EXPECT_EQ(::listen(fd_.get(), backlog), 0);
        socklen_t size = sizeof(address);
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
    }
    // The next connection, if one waits.
    std::optional<RawPeer> accept() {
        UniqueFd fd(::accept(fd_.get(), nullptr, nullptr));
        if (!fd) {
            return std::nullopt;
        }
        return RawPeer(std::move(fd));
    }
    std::uint16_t port = 0;

  private:
    UniqueFd fd_;
};

inline std::string upgrade_request(const std::string& subprotocol = kProto,
                                   const std::string& path = "/v1/connect") {
    return "GET " + path +
           " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, "
           "Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Protocol: " +
           subprotocol + "\r\n\r\n";
}

}  // namespace parley::asio::testing
