#include "adapters/asio/ready_set.h"

#include "base/assert.h"

namespace parley::asio {

ReadySet::ReadySet(boost::asio::io_context& context)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wait_(context) {
    PARLEY_ASSERT(static_cast<bool>(epoll_));
    // Asio closes it.
    wait_.assign(epoll_.get());
    epoll_.release();
}

bool ReadySet::add(int descriptor, ReadyObserver& observer) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &observer;
    return ::epoll_ctl(wait_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void ReadySet::remove(int descriptor, ReadyObserver& observer) {
    epoll_event unused{};
    ::epoll_ctl(wait_.native_handle(), EPOLL_CTL_DEL, descriptor, &unused);
    for (std::size_t i = next_; i < count_; ++i) {
        if (events_[i].data.ptr == &observer) {
            events_[i].data.ptr = nullptr;
        }
    }
}

void ReadySet::arm() {
    if (armed_) {
        return;
    }
    armed_ = true;
    using Descriptor = decltype(wait_);
    wait_.async_wait(Descriptor::wait_read, [this](boost::system::error_code error) {
        if (!error) {
            armed_ = false;
            serve();
        }
    });
}

void ReadySet::serve() {
    const int got =
        ::epoll_wait(wait_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
    count_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    for (next_ = 0; next_ < count_;) {
        const epoll_event event = events_[next_++];
        if (event.data.ptr == nullptr) {
            continue;
        }
        const auto any = [&](std::uint32_t bits) { return (event.events & bits) != 0; };
        Readiness readiness;
        readiness.read = any(EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        readiness.write = any(EPOLLOUT | EPOLLHUP | EPOLLERR);
        readiness.ended = any(EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        readiness.broken = any(EPOLLHUP | EPOLLERR);
        static_cast<ReadyObserver*>(event.data.ptr)->on_ready(readiness);
    }
    count_ = 0;
}

}  // namespace parley::asio
