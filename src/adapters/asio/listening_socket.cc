#include "adapters/asio/listening_socket.h"

#include "adapters/asio/addresses.h"
#include "base/try.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace parley::asio {

namespace {

constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int kBacklog = 4096;

unexpected cannot_listen(const std::string& where, const std::string& why) {
    return unexpected(
        make_error(ErrorCode::invalid_argument, "cannot listen on " + where + ": " + why));
}

unexpected cannot_listen(const std::string& where, int error) {
    return cannot_listen(where, std::generic_category().message(error));
}

std::optional<int> bind_and_listen(int fd, const Address& address) {
    if (::bind(fd, address.get(), address.size) != 0 || ::listen(fd, kBacklog) != 0) {
        return errno;
    }
    return std::nullopt;
}

std::string shown(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// True if somebody accepts connections there.
bool is_alive(const Address& address) {
    const UniqueFd probe(::socket(AF_UNIX, kSocketFlags, 0));
    return probe && (::connect(probe.get(), address.get(), address.size) == 0 || errno == EAGAIN);
}

}  // namespace

void ListeningSocket::close() {
    if (descriptor && !unix_path.empty()) {
        ::unlink(unix_path.c_str());
    }
    descriptor.reset();
}

Result<ListeningSocket> open_tcp(const std::string& host, std::uint16_t port) {
    const std::string where = shown(host) + ":" + std::to_string(port);
    const auto addresses = resolve_now(host, port, true);
    if (!addresses) {
        return cannot_listen(where, addresses.error().description);
    }
    int error = 0;
    for (const Address& address : *addresses) {
        UniqueFd fd(::socket(address.family(), kSocketFlags, 0));
        if (!fd) {
            error = errno;
            continue;
        }
        const int on = 1;
        const int off = 0;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (address.family() == AF_INET6) {
            // "::" means IPv4 too.
            ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        }
        if (const auto failed = bind_and_listen(fd.get(), address)) {
            error = *failed;
            continue;
        }
        Address bound;
        bound.size = sizeof(bound.storage);
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
        ListeningSocket socket;
        socket.descriptor = std::move(fd);
        socket.port = port_of(bound);
        return socket;
    }
    return cannot_listen(where, error);
}

Result<void> can_listen(const std::string& host) {
    PARLEY_TRY(const auto addresses, resolve_now(host, 0, true));
    int error = 0;
    for (const Address& address : addresses) {
        const UniqueFd fd(::socket(address.family(), kSocketFlags, 0));
        if (fd && ::bind(fd.get(), address.get(), address.size) == 0) {
            return {};
        }
        error = errno;
    }
    return cannot_listen(shown(host), error);
}

Result<ListeningSocket> open_unix(const std::string& path) {
    Address address;
    auto* const name = reinterpret_cast<sockaddr_un*>(&address.storage);
    if (path.size() >= sizeof(name->sun_path)) {
        return cannot_listen(path, "the path of a Unix socket may have " +
                                       std::to_string(sizeof(name->sun_path) - 1) +
                                       " bytes at most");
    }
    name->sun_family = AF_UNIX;
    std::memcpy(name->sun_path, path.c_str(), path.size() + 1);
    address.size = sizeof(sockaddr_un);
    struct stat found{};
    if (::lstat(path.c_str(), &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) {
            return cannot_listen(path, "there is a file that is not a socket");
        }
        if (is_alive(address)) {
            return cannot_listen(path, EADDRINUSE);
        }
        ::unlink(path.c_str());
    }
    UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
    if (!fd) {
        return cannot_listen(path, errno);
    }
    // Linux gives the file the mode of the unbound socket, so nobody can slip in before a chmod.
    ::fchmod(fd.get(), S_IRUSR | S_IWUSR);
    if (const auto error = bind_and_listen(fd.get(), address)) {
        return cannot_listen(path, *error);
    }
    ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
    ListeningSocket socket;
    socket.descriptor = std::move(fd);
    socket.unix_path = path;
    return socket;
}

}  // namespace parley::asio
