#pragma once

#include "adapters/asio/core.h"
#include "adapters/asio/io_result.h"
#include "adapters/asio/tls.h"
#include "adapters/asio/unique_fd.h"

#include <span>
#include <string>
#include <utility>

namespace parley::asio {

// A connected stream socket on a loop, plain or TLS: non-blocking reads and writes, and waits for
// readiness, which hold no buffer. For the .cc files of this folder.
class Socket {
  public:
    // The descriptor is made non-blocking.
    Socket(AsioLoop& loop, UniqueFd descriptor);

    void start_tls(Tls tls) { tls_ = std::move(tls); }
    void share_pipe(const TlsPipe& pipe) { tls_.share(pipe); }
    // From now on the bare bytes.
    void stop_tls() { tls_ = Tls(); }
    bool is_tls() const { return static_cast<bool>(tls_); }
    bool is_open() const { return descriptor_.is_open(); }
    int native_handle() { return descriptor_.native_handle(); }

    IoResult handshake() { return tls_.handshake(); }
    IoResult read(std::span<std::byte> buffer);
    // Of the bare bytes: they stay where they are.
    IoResult peek(std::span<std::byte> buffer);
    IoResult write(BytesView bytes);

    // Handlers take an error code, which is set when close() came in between.
    template <typename Handler>
    void wait_readable(Handler handler) {
        descriptor_.async_wait(Descriptor::wait_read, std::move(handler));
    }
    template <typename Handler>
    void wait_writable(Handler handler) {
        descriptor_.async_wait(Descriptor::wait_write, std::move(handler));
    }
    // Calls when the connection broke, without anything being read.
    template <typename Handler>
    void wait_broken(Handler handler) {
        descriptor_.async_wait(Descriptor::wait_error, std::move(handler));
    }
    // Whether it is broken or closed on both sides.
    bool is_broken();

    // Sends nothing more; what the peer sends can still be read.
    void shut_down_writing();
    // Drops the connection; handlers that wait are called with an error.
    void close();

  private:
    IoResult receive(std::span<std::byte> buffer, int flags);

    Descriptor descriptor_;
    Tls tls_;
};

}  // namespace parley::asio
