#pragma once

#include "base/bytes.h"
#include "base/frame_sink.h"
#include "parley/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace parley::io {

// Close codes of RFC 6455, 7.4.1, that we send or look at.
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kNoStatus = 1005;  // never sent: the peer closed without a code
// Never sent: the connection went without a close frame.
inline constexpr std::uint16_t kAbnormal = 1006;
inline constexpr std::uint16_t kInvalidPayload = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kMessageTooBig = 1009;
inline constexpr std::uint16_t kTryAgainLater = 1013;
}  // namespace close_code

// How a connection ended.
struct ChannelEnd {
    // The peer's close code, or ours if we closed for its violation.
    std::uint16_t code = close_code::kAbnormal;
    std::string reason;  // for logs
};

// Hears what a channel receives. Called on the channel's loop, never from within a call to the
// channel. May destroy the channel in any of these calls.
class ChannelObserver {
  public:
    virtual ~ChannelObserver() = default;
    // One whole message of the kind that the subprotocol wants (others end the channel with 1003).
    // `message` is valid until the return.
    virtual void on_message(BytesView message) = 0;
    // Bytes came, or a pong: the other side lives. Called before on_message of the same read.
    virtual void on_alive() = 0;
    // has_room() was false and is true again.
    virtual void on_room() = 0;
    // The end of the channel, exactly once; nothing follows. Not called if the channel is destroyed
    // first.
    virtual void on_end(const ChannelEnd& end) = 0;
};

// One established connection that carries whole messages in order (a WebSocket over TCP or TLS).
// Belongs to one loop, for life; all calls on its thread. Frames written through the FrameSink side
// during a turn leave in one write at its end. Destroying it drops the connection at once, what was
// not written included.
class Channel : public FrameSink {
  public:
    // Begins to receive. Once, before anything else.
    virtual void start(ChannelObserver& observer) = 0;
    // While paused nothing is read from the network, so that the peer feels backpressure; on_end
    // still comes where the connection's end shows without reading.
    virtual void pause_reading(bool paused) = 0;
    // Writes what was accepted, then a close frame, waits a bounded time for the peer's, and ends
    // with on_end. Further frames are dropped. Again: no effect.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    // The peer has proved who it is. An accepted connection is a stranger's until then: limits for
    // strangers hold it, and its messages may have kHelloBytes at most. A channel that knows no
    // strangers does nothing.
    virtual void authenticated() {}
    // The subprotocol both sides agreed on.
    virtual std::string_view subprotocol() const = 0;
    // The peer's address for limits and logs, without port: "127.0.0.1", "2001:db8::1".
    virtual std::string_view peer_address() const = 0;
};

}  // namespace parley::io
