#pragma once

#include "adapters/asio/ip_address.h"
#include "base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace parley::asio {

// Reads the header that a proxy puts before a connection to say whom it speaks for: the PROXY
// protocol, versions 1 (a line) and 2 (binary). A state machine without I/O and of fixed size; what
// version 2 may carry beside the addresses is skipped, not kept.
class ProxyHeader {
  public:
    enum class State { incomplete, complete, failed };

    // Takes bytes from the front, never one that lies behind the header, and says how many.
    std::size_t feed(BytesView bytes);
    State state() const { return state_; }

    // ---- of a complete one
    // The client's address. None: the proxy speaks for itself (a health check), or does not know.
    const std::optional<IpAddress>& source() const { return source_; }
    // ---- of a failed one
    std::string_view what() const { return what_; }

    // Whether the first bytes of a connection are those of such a header. No other protocol on our
    // ports begins like it, so twelve bytes are enough to see it where it was not expected.
    static bool recognizes(BytesView first_bytes);
    static constexpr std::size_t kRecognizable = 12;

  private:
    void take(std::uint8_t byte);
    void judge_beginning();
    void take_line();
    void take_lengths();
    void take_addresses();
    void fail(std::string_view what);

    // The longest line, which is longer than what version 2 has to say about two IPv6 addresses.
    static constexpr std::size_t kLongestLine = 107;

    State state_ = State::incomplete;
    std::uint8_t version_ = 0;  // 0: not known yet
    std::array<std::uint8_t, kLongestLine> kept_{};
    std::size_t size_ = 0;   // bytes seen; only the first ones are kept
    std::size_t total_ = 0;  // of version 2, once its length is known
    std::optional<IpAddress> source_;
    std::string_view what_;
};

}  // namespace parley::asio
