#pragma once

#include "adapters/asio/core.h"
#include "adapters/asio/stream.h"

#include <utility>

namespace parley::asio {

// A stream on a loop with waits for readiness, one handler each: for what comes before a channel
// stands. For the .cc files of this folder.
class Socket {
  public:
    Socket(AsioLoop& loop, UniqueFd descriptor)
        : stream_(std::move(descriptor)), waits_(*loop.core().context, stream_.descriptor()) {}
    Socket(Socket&&) = default;
    Socket& operator=(Socket&& other) noexcept {
        if (this != &other) {
            close();
            stream_ = std::move(other.stream_);
            waits_ = std::move(other.waits_);
        }
        return *this;
    }
    ~Socket() { close(); }

    Stream& stream() { return stream_; }
    // The stream without the waits; handlers that wait are called with an error.
    Stream release() {
        stop_waiting();
        return std::move(stream_);
    }

    // Handlers take an error code, which is set when close() came in between.
    template <typename Handler>
    void wait_readable(Handler handler) {
        waits_.async_wait(Descriptor::wait_read, std::move(handler));
    }
    template <typename Handler>
    void wait_writable(Handler handler) {
        waits_.async_wait(Descriptor::wait_write, std::move(handler));
    }

    // Drops the connection; handlers that wait are called with an error.
    void close() {
        stop_waiting();
        stream_.close();
    }

  private:
    void stop_waiting() {
        if (waits_.is_open()) {
            waits_.release();
        }
    }

    Stream stream_;
    Descriptor waits_;  // borrows the stream's
};

}  // namespace parley::asio
