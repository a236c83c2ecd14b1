#include "control.h"

#include "base/try.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace parley::parleyd {
namespace {

constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;

// Closes the connection at the end of its scope.
struct Connection {
    explicit Connection(int number) : file(number) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        if (file >= 0) {
            ::close(file);
        }
    }
    const int file;
};

unexpected no_server(const std::string& socket_file, std::string_view why) {
    return unexpected(make_error(ErrorCode::connection_refused,
                                 socket_file + ": no server answers here: " + std::string(why)));
}

Result<void> connect(int connection, const std::string& socket_file) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_file.size() >= sizeof address.sun_path) {
        return no_server(socket_file, "the path is too long for a socket");
    }
    std::memcpy(address.sun_path, socket_file.data(), socket_file.size());
    if (connection < 0 ||
        ::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return no_server(socket_file, std::strerror(errno));
    }
    return {};
}

// What came until the server closed. Empty: nothing, or too much.
std::string talk(int connection, std::string_view request) {
    while (!request.empty()) {
        const ssize_t count = ::send(connection, request.data(), request.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return "";
        }
        request.remove_prefix(static_cast<std::size_t>(count));
    }
    std::string answer;
    char block[16 * 1024];
    for (;;) {
        const ssize_t count = ::recv(connection, block, sizeof block, 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return answer;
        }
        answer.append(block, static_cast<std::size_t>(count));
        if (answer.size() > kLongestAnswer) {
            return "";
        }
    }
}

// "HTTP/1.1 200 OK", fields, an empty line, the body of Content-Length.
bool read_answer(std::string_view text, io::HttpResponse& response) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const auto head_end = text.find("\r\n\r\n");
    if (!text.starts_with(kVersion) || head_end == std::string_view::npos) {
        return false;
    }
    const std::string_view head = text.substr(0, head_end);
    const std::string_view body = text.substr(head_end + 4);
    const std::string_view status = head.substr(kVersion.size(), 3);
    const auto length_at = head.find(kLength);
    if (status.size() != 3 || length_at == std::string_view::npos) {
        return false;
    }
    const std::string_view length = head.substr(length_at + kLength.size());
    std::size_t bytes = 0;
    const auto status_read =
        std::from_chars(status.data(), status.data() + status.size(), response.status);
    const auto length_read = std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (status_read.ec != std::errc() || length_read.ec != std::errc() || bytes != body.size()) {
        return false;
    }
    response.body = body;
    return true;
}

}  // namespace

Result<io::HttpResponse> ask_control(const std::string& socket_file, const io::HttpRequest& request,
                                     std::optional<std::chrono::seconds> patience) {
    const Connection connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (patience) {
        const timeval time{patience->count(), 0};
        ::setsockopt(connection.file, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        ::setsockopt(connection.file, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    }
    PARLEY_CHECK(connect(connection.file, socket_file));
    const std::string answer =
        talk(connection.file, request.method + " " + request.target +
                                  " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                  "Content-Length: " +
                                  std::to_string(request.body.size()) + "\r\n\r\n" + request.body);
    io::HttpResponse response;
    if (!read_answer(answer, response)) {
        return unexpected(make_error(ErrorCode::server_error,
                                     socket_file +
                                         ": the server gave no whole answer; its log may say why, "
                                         "and what was asked for may have been done"));
    }
    return response;
}

}  // namespace parley::parleyd
