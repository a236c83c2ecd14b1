#include "adapters/asio/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <cerrno>
#include <system_error>

namespace parley::asio {

namespace {

using State = IoResult::State;

IoResult failure_of(int error, State blocked) {
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) {
        return {blocked, 0, {}};
    }
    return {State::failed, 0, std::generic_category().message(error)};
}

}  // namespace

Socket::Socket(AsioLoop& loop, UniqueFd descriptor)
    : descriptor_(*loop.core().context, descriptor.release()) {
    boost::system::error_code ignored;
    descriptor_.native_non_blocking(true, ignored);
}

IoResult Socket::read(std::span<std::byte> buffer) {
    if (tls_) {
        return tls_.read(buffer);
    }
    return receive(buffer, 0);
}

IoResult Socket::peek(std::span<std::byte> buffer) {
    return receive(buffer, MSG_PEEK);
}

IoResult Socket::receive(std::span<std::byte> buffer, int flags) {
    const ssize_t got = ::recv(descriptor_.native_handle(), buffer.data(), buffer.size(), flags);
    if (got > 0) {
        return {State::done, static_cast<std::size_t>(got), {}};
    }
    if (got == 0) {
        return {State::ended, 0, {}};
    }
    return failure_of(errno, State::want_read);
}

IoResult Socket::write(BytesView bytes) {
    if (tls_) {
        return tls_.write(bytes);
    }
    const ssize_t sent =
        ::send(descriptor_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
        return {State::done, static_cast<std::size_t>(sent), {}};
    }
    return failure_of(errno, State::want_write);
}

bool Socket::is_broken() {
    pollfd looked{descriptor_.native_handle(), 0, 0};
    return ::poll(&looked, 1, 0) > 0 && (looked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

void Socket::shut_down_writing() {
    tls_.close_notify();
    if (descriptor_.is_open()) {
        ::shutdown(descriptor_.native_handle(), SHUT_WR);
    }
}

void Socket::close() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

}  // namespace parley::asio
