#include "control.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace parley::parleyd {
namespace {

constexpr timeval kPatience{10, 0};
constexpr std::size_t kLongestAnswer = 16 * 1024;

Error no_server(const std::string& socket_file, std::string_view why) {
    return make_error(ErrorCode::connection_refused,
                      socket_file + ": no server answers here: " + std::string(why));
}

// What came until the server closed, or less if it took too long.
std::string talk(int connection, std::string_view request) {
    while (!request.empty()) {
        const ssize_t count = ::send(connection, request.data(), request.size(), MSG_NOSIGNAL);
        if (count <= 0) {
            return "";
        }
        request.remove_prefix(static_cast<std::size_t>(count));
    }
    std::string answer;
    char block[4096];
    while (answer.size() < kLongestAnswer) {
        const ssize_t count = ::recv(connection, block, sizeof block, 0);
        if (count <= 0) {
            break;
        }
        answer.append(block, static_cast<std::size_t>(count));
    }
    return answer;
}

}  // namespace

void ControlRequests::handle(const io::HttpRequest& request, Done done) {
    if (request.target != kConfirmClock) {
        return rest_.handle(request, std::move(done));
    }
    io::HttpResponse response;
    if (request.method == "POST") {
        store_.confirm_clock();
        response.body = "{\"status\": \"confirmed\"}\n";
    } else {
        response.status = 405;
        response.body = "{\"errorCode\": 405, \"message\": \"only POST is allowed here\"}\n";
        response.allow = {"POST"};
    }
    done(std::move(response));
}

Result<void> post_to_control(const std::string& socket_file, std::string_view target) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_file.size() >= sizeof address.sun_path) {
        return unexpected(no_server(socket_file, "the path is too long for a socket"));
    }
    std::memcpy(address.sun_path, socket_file.data(), socket_file.size());
    const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 ||
        ::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int reason = errno;
        ::close(connection);
        return unexpected(no_server(socket_file, std::strerror(reason)));
    }
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    const std::string answer =
        talk(connection, "POST " + std::string(target) +
                             " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                             "Content-Length: 0\r\n\r\n");
    ::close(connection);
    if (answer.starts_with("HTTP/1.1 200 ")) {
        return {};
    }
    return unexpected(make_error(
        ErrorCode::server_error,
        socket_file + ": the server answered " +
            (answer.empty() ? "nothing" : '"' + answer.substr(0, answer.find('\r')) + '"')));
}

}  // namespace parley::parleyd
