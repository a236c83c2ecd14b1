#include "adapters/asio/stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <cerrno>
#include <system_error>

namespace parley::asio {

namespace {

using State = IoResult::State;

IoResult failure_of(int error, State blocked) {
    if (error == EAGAIN || error == EWOULDBLOCK) {
        return {blocked, 0, {}};
    }
    return {State::failed, 0, std::generic_category().message(error)};
}

}  // namespace

Stream::Stream(UniqueFd descriptor) : descriptor_(std::move(descriptor)) {
    ::fcntl(descriptor_.get(), F_SETFL, ::fcntl(descriptor_.get(), F_GETFL) | O_NONBLOCK);
}

IoResult Stream::read(std::span<std::byte> buffer) {
    if (tls_) {
        return tls_.read(buffer);
    }
    return receive(buffer, 0);
}

IoResult Stream::peek(std::span<std::byte> buffer) {
    return receive(buffer, MSG_PEEK);
}

IoResult Stream::receive(std::span<std::byte> buffer, int flags) {
    const ssize_t got = uninterrupted(
        [&] { return ::recv(descriptor_.get(), buffer.data(), buffer.size(), flags); });
    if (got > 0) {
        return {State::done, static_cast<std::size_t>(got), {}};
    }
    if (got == 0) {
        return {State::ended, 0, {}};
    }
    return failure_of(errno, State::want_read);
}

IoResult Stream::write(BytesView bytes) {
    if (tls_) {
        return tls_.write(bytes);
    }
    const ssize_t sent = uninterrupted(
        [&] { return ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (sent >= 0) {
        return {State::done, static_cast<std::size_t>(sent), {}};
    }
    return failure_of(errno, State::want_write);
}

void Stream::shut_down_writing() {
    tls_.close_notify();
    if (descriptor_) {
        ::shutdown(descriptor_.get(), SHUT_WR);
    }
}

}  // namespace parley::asio
