#include "adapters/asio/connect_race.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cerrno>
#include <system_error>
#include <utility>

namespace parley::asio {

namespace {

constexpr auto kStagger = std::chrono::milliseconds(250);  // RFC 8305, section 5
constexpr std::size_t kMaxAddresses = 8;

}  // namespace

ConnectRace::ConnectRace(AsioLoop& loop, const std::vector<Address>& addresses, Done done)
    : loop_(loop), done_(std::move(done)) {
    for (const Address& address : interleave_families(addresses, kMaxAddresses)) {
        lanes_.push_back(Lane{address, std::nullopt});
    }
}

void ConnectRace::start() {
    loop_.post([self = shared_from_this()] { self->begin_next(); });
}

void ConnectRace::cancel() {
    const Done forgotten = std::exchange(done_, {});
    stagger_.reset();
    lanes_.clear();
}

void ConnectRace::begin_next() {
    if (!done_ || begun_ >= lanes_.size()) {
        return;
    }
    const std::size_t index = begun_++;
    const Address address = lanes_[index].address;
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
        on_failed(index, errno);
        return;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
        on_failed(index, errno);
        return;
    }
    lanes_[index].socket.emplace(loop_, std::move(fd));
    lanes_[index].socket->wait_writable(
        [self = shared_from_this(), index](boost::system::error_code error) {
            if (!error && self->done_) {
                self->on_ready(index);
            }
        });
    if (begun_ < lanes_.size()) {
        stagger_ = loop_.call_at(loop_.now() + kStagger,
                                 [self = shared_from_this()] { self->begin_next(); });
    }
}

void ConnectRace::on_ready(std::size_t index) {
    Socket& socket = *lanes_[index].socket;
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(socket.stream().descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        lanes_[index].socket.reset();
        on_failed(index, error);
        return;
    }
    Winner winner{std::move(socket), to_text(lanes_[index].address)};
    finish(std::move(winner));
}

void ConnectRace::on_failed(std::size_t index, int error) {
    last_failure_ = to_text(lanes_[index].address) + ": " + std::generic_category().message(error);
    if (++failed_ == lanes_.size()) {
        finish(unexpected(make_error(ErrorCode::connection_refused, last_failure_)));
        return;
    }
    // The next one need not wait for its time.
    loop_.post([self = shared_from_this()] { self->begin_next(); });
}

void ConnectRace::finish(Result<Winner> result) {
    Done done = std::exchange(done_, {});
    stagger_.reset();
    lanes_.clear();
    done(std::move(result));
}

}  // namespace parley::asio
