#pragma once

#include "adapters/asio/io_result.h"
#include "adapters/asio/tls.h"
#include "adapters/asio/unique_fd.h"
#include "base/bytes.h"

#include <span>
#include <utility>

namespace parley::asio {

// A connected stream socket, plain or TLS: non-blocking reads and writes, without any wait. For the
// .cc files of this folder.
class Stream {
  public:
    Stream() = default;
    // The descriptor is made non-blocking.
    explicit Stream(UniqueFd descriptor);

    void start_tls(Tls tls) { tls_ = std::move(tls); }
    void share_pipe(const TlsPipe& pipe) { tls_.share(pipe); }
    // From now on the bare bytes.
    void stop_tls() { tls_ = Tls(); }
    bool is_tls() const { return static_cast<bool>(tls_); }
    int descriptor() const { return descriptor_.get(); }

    IoResult handshake() { return tls_.handshake(); }
    IoResult read(std::span<std::byte> buffer);
    // Of the bare bytes: they stay where they are.
    IoResult peek(std::span<std::byte> buffer);
    IoResult write(BytesView bytes);

    // Sends nothing more; what the peer sends can still be read.
    void shut_down_writing();
    // Drops the connection.
    void close() { descriptor_.reset(); }

  private:
    IoResult receive(std::span<std::byte> buffer, int flags);

    UniqueFd descriptor_;
    Tls tls_;
};

}  // namespace parley::asio
