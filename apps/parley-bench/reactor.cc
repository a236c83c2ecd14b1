#include "reactor.h"

#include "base/assert.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace parley::bench {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
// Room for what was incomplete (below one frame of 1 MiB) and one read behind it.
constexpr std::size_t kScratchBytes = 1024 * 1024 + 64 * 1024 + kReadBytes;
constexpr std::size_t kBuffersKept = 1024;
constexpr std::size_t kBufferBytesKept = 64 * 1024;
constexpr std::uint32_t kWakeIndex = UINT32_MAX;

std::string system_error(const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
}

std::string tls_error(const ssl_st* tls) {
    const long verdict = ::SSL_get_verify_result(tls);
    if (verdict != X509_V_OK) {
        return std::string("the server's certificate: ") + ::X509_verify_cert_error_string(verdict);
    }
    const unsigned long code = ::ERR_get_error();
    const char* reason = code != 0 ? ::ERR_reason_error_string(code) : nullptr;
    return std::string("TLS: ") + (reason != nullptr ? reason : "the connection was closed");
}

}  // namespace

void Reactor::FreeTls::operator()(ssl_st* tls) const {
    ::SSL_free(tls);
}

Reactor::Reactor(const Target& target, Observer& observer, std::size_t connections,
                 std::uint64_t seed)
    : target_(target),
      observer_(observer),
      connections_(connections),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)),
      random_(seed),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(ticks()) {
    PARLEY_ASSERT(epoll_ >= 0 && wake_ >= 0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeIndex;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
}

Reactor::~Reactor() {
    for (std::uint32_t i = 0; i < connections_.size(); ++i) {
        drop(i);
    }
    ::close(wake_);
    ::close(epoll_);
}

void Reactor::wake() {
    const std::uint64_t one = 1;
    // It fails only when it is signalled already.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

websocket::MaskKey Reactor::mask() {
    const std::uint64_t bits = random_.next();
    websocket::MaskKey key;
    std::memcpy(key.data(), &bits, key.size());
    return key;
}

void Reactor::watch(std::uint32_t index, int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = std::uint64_t{at(index).generation} << 32 | index;
    ::epoll_ctl(epoll_, operation, at(index).fd, &event);
}

bool Reactor::make_socket(Connection& connection, std::string& why) {
    connection.fd =
        ::socket(target_.address().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) {
        why = system_error("no socket");
        return false;
    }
    const int yes = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (!target_.sources().empty()) {
        const SocketAddress& source = target_.sources()[next_source_++ % target_.sources().size()];
        // The port is then chosen by connect(): it must be free towards the server only.
        ::setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        if (::bind(connection.fd, source.get(), source.size) != 0) {
            why = system_error("--source is no address of this machine");
            return false;
        }
    }
    const SocketAddress& address = target_.address();
    if (::connect(connection.fd, address.get(), address.size) == 0 || errno == EINPROGRESS) {
        return true;
    }
    why = errno == EADDRNOTAVAIL
              ? "no local port is left: give more addresses to connect from (--source)"
              : system_error("no connection");
    return false;
}

void Reactor::connect(std::uint32_t index) {
    Connection& connection = at(index);
    drop(index);
    connection.received = connection.acknowledged = 0;
    std::string why;
    if (!make_socket(connection, why)) {
        return fail(index, why);
    }
    connection.state = State::connecting;
    watch(index, EPOLL_CTL_ADD, EPOLLOUT);
}

void Reactor::drop(std::uint32_t index) {
    Connection& connection = at(index);
    ++connection.generation;
    connection.state = State::closed;
    connection.waits_for_room = false;
    connection.tls.reset();
    give_back(std::move(connection.out));
    give_back(std::move(connection.partial));
    if (connection.fd >= 0) {
        ::close(connection.fd);
        connection.fd = -1;
    }
}

void Reactor::fail(std::uint32_t index, const std::string& why) {
    drop(index);
    observer_.on_end(index, why);
}

std::unique_ptr<Bytes> Reactor::take_buffer() {
    if (buffers_.empty()) {
        return std::make_unique<Bytes>();
    }
    auto buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
}

void Reactor::give_back(std::unique_ptr<Bytes> buffer) {
    if (buffer && buffers_.size() < kBuffersKept && buffer->capacity() <= kBufferBytesKept) {
        buffer->clear();
        buffers_.push_back(std::move(buffer));
    }
}

Bytes& Reactor::output(std::uint32_t index) {
    Connection& connection = at(index);
    if (!connection.dirty) {
        connection.dirty = true;
        dirty_.push_back(index);
    }
    if (!connection.out) {
        connection.out = take_buffer();
    }
    return *connection.out;
}

void Reactor::wait(Nanos until) {
    const Nanos left = std::max<Nanos>(until == kForever ? kSecond : until - ticks(), 0);
    const timespec timeout = timespec_of(std::min(left, kSecond));
    const int count =
        ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
    now_ = ticks();
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events_[static_cast<std::size_t>(i)];
        const auto index = static_cast<std::uint32_t>(event.data.u64);
        if (index == kWakeIndex) {
            std::uint64_t ignored = 0;
            [[maybe_unused]] const auto taken = ::read(wake_, &ignored, sizeof ignored);
        } else if (at(index).generation == event.data.u64 >> 32) {
            handle(index, event.events);
        }
    }
    now_ = ticks();
}

void Reactor::handle(std::uint32_t index, std::uint32_t events) {
    Connection& connection = at(index);
    const std::uint32_t generation = connection.generation;
    if (connection.state == State::connecting) {
        return connected(index);
    }
    if (connection.state == State::securing) {
        return secure(index);
    }
    if ((events & EPOLLOUT) != 0) {
        write(index);
    }
    if (generation == connection.generation && (events & ~std::uint32_t{EPOLLOUT}) != 0) {
        read(index);
    }
}

void Reactor::connected(std::uint32_t index) {
    Connection& connection = at(index);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        return fail(index, std::string("no connection: ") + std::strerror(error));
    }
    if (!target_.secure()) {
        return begin_upgrade(index);
    }
    connection.tls.reset(target_.secure(connection.fd));
    if (!connection.tls) {
        return fail(index, "no memory for TLS");
    }
    connection.state = State::securing;
    secure(index);
}

void Reactor::secure(std::uint32_t index) {
    Connection& connection = at(index);
    ::ERR_clear_error();
    const int done = ::SSL_do_handshake(connection.tls.get());
    if (done == 1) {
        return begin_upgrade(index);
    }
    const int wants = ::SSL_get_error(connection.tls.get(), done);
    if (wants == SSL_ERROR_WANT_READ) {
        watch(index, EPOLL_CTL_MOD, EPOLLIN);
    } else if (wants == SSL_ERROR_WANT_WRITE) {
        watch(index, EPOLL_CTL_MOD, EPOLLOUT);
    } else {
        fail(index, tls_error(connection.tls.get()));
    }
}

void Reactor::begin_upgrade(std::uint32_t index) {
    at(index).state = State::upgrading;
    watch(index, EPOLL_CTL_MOD, EPOLLIN);
    output(index).append(target_.upgrade_text());
}

std::ptrdiff_t Reactor::receive(Connection& connection, char* to, std::size_t room,
                                std::string& why) {
    if (!connection.tls) {
        const ssize_t count = ::recv(connection.fd, to, room, 0);
        if (count > 0) {
            return count;
        }
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return 0;
        }
        why = count == 0 ? "the server closed the connection" : system_error("connection lost");
        return -1;
    }
    // All that TLS has buffered: epoll does not know of it.
    std::size_t total = 0;
    while (total < room) {
        std::size_t count = 0;
        ::ERR_clear_error();
        const int done = ::SSL_read_ex(connection.tls.get(), to + total, room - total, &count);
        total += count;
        if (done == 1) {
            continue;
        }
        const int wants = ::SSL_get_error(connection.tls.get(), done);
        if (total > 0 || wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE) {
            break;
        }
        why = tls_error(connection.tls.get());
        return -1;
    }
    return static_cast<std::ptrdiff_t>(total);
}

void Reactor::read(std::uint32_t index) {
    Connection& connection = at(index);
    const std::uint32_t generation = connection.generation;
    for (bool more = true; more && generation == connection.generation;) {
        const std::size_t before = connection.partial ? connection.partial->size() : 0;
        if (before + kReadBytes > kScratchBytes) {
            return fail(index, "the server sent a frame above 1 MiB");
        }
        std::string why;
        const std::ptrdiff_t count = receive(connection, scratch_.get() + before, kReadBytes, why);
        if (count < 0) {
            return fail(index, why);
        }
        if (count == 0) {
            return;
        }
        now_ = ticks();
        if (before > 0) {
            std::memcpy(scratch_.get(), connection.partial->data(), before);
            give_back(std::move(connection.partial));
        }
        const std::string_view bytes(scratch_.get(), before + static_cast<std::size_t>(count));
        const std::size_t used = consume(index, bytes);
        if (generation == connection.generation && used < bytes.size()) {
            connection.partial = take_buffer();
            connection.partial->assign(bytes.substr(used));
        }
        more = connection.tls && static_cast<std::size_t>(count) == kReadBytes;
    }
}

void Reactor::flush() {
    std::swap(dirty_, dirty_next_);
    for (const std::uint32_t index : dirty_next_) {
        Connection& connection = at(index);
        connection.dirty = false;
        if (connection.state == State::open && connection.received > connection.acknowledged) {
            connection.acknowledged = connection.received;
            if (!connection.out) {
                connection.out = take_buffer();
            }
            append_ack(*connection.out, connection.received, mask());
        }
        if (connection.out && !connection.waits_for_room) {
            write(index);
        }
    }
    dirty_next_.clear();
}

void Reactor::write(std::uint32_t index) {
    Connection& connection = at(index);
    if (!connection.out) {
        return;
    }
    Bytes& out = *connection.out;
    std::size_t written = 0;
    if (connection.tls && !out.empty()) {
        ::ERR_clear_error();
        const int done = ::SSL_write_ex(connection.tls.get(), out.data(), out.size(), &written);
        const int wants = ::SSL_get_error(connection.tls.get(), done);
        if (done != 1 && wants != SSL_ERROR_WANT_WRITE && wants != SSL_ERROR_WANT_READ) {
            return fail(index, tls_error(connection.tls.get()));
        }
    } else if (!out.empty()) {
        const ssize_t count = ::send(connection.fd, out.data(), out.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return fail(index, system_error("connection lost"));
        }
        written = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    if (written == out.size()) {
        give_back(std::move(connection.out));
    } else {
        out.erase(0, written);
    }
    if (const bool wait = connection.out != nullptr; wait != connection.waits_for_room) {
        connection.waits_for_room = wait;
        watch(index, EPOLL_CTL_MOD, wait ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

}  // namespace parley::bench
