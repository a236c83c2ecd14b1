#pragma once

#include "base/frame_sink.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/time.h"
#include "parley/result.h"
#include "wire/frames.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

namespace parley::protocol {

// The client's side of one session (spec/wire.md, "A session"), from its Hello to its end: a state
// machine without I/O. What is unanswered when it ends is submitted again, first and in order, in
// the next session by its owner, which keeps it on disk. One loop.
class ClientSession {
  public:
    // The connection stands: sends this Hello. No Welcome within two default ping intervals ends
    // the session.
    ClientSession(wire::Hello hello, Instant now);
    ~ClientSession();

    // ---- from the connection
    // One whole message. An error means that the server broke the protocol: the session is over and
    // Ended is queued.
    Result<void> receive(BytesView frame, Instant now);
    // Bytes or a pong came.
    void alive(Instant now);
    // The connection went, with this close code (io::close_code); the session is over.
    void closed(std::uint16_t close_code, std::string_view reason);
    // Writes what is due while the sink has room. To be called after every turn that gave the
    // session something, and when the sink has room again.
    void transmit(FrameSink& sink);
    // When tick() must be called at the latest; it changes with every other call.
    std::optional<Instant> deadline() const;
    void tick(Instant now);
    // The network changed: pings, and ends the session with timed_out if no sign of life comes
    // within 5 s.
    void probe(Instant now);

    // ---- from the owner
    // True after Welcome while the window (count and bytes; one is always allowed) has room for a
    // submission of this size.
    bool can_submit(std::size_t frame_bytes) const;
    // Only where can_submit() of the frame's size (wire::submit_frame_size) is true.
    void submit(const wire::Submit& submit);
    // Everything up to here is durable on this device. Sent at the next transmit(), one Ack for
    // many; never more than this session received.
    void acknowledge(Sequence sequence);
    void refresh(std::string token);
    // Says nothing more: Ended follows; the owner closes the connection with 1000.
    void end();

    // ---- what happened, in order
    struct Welcomed {
        wire::Welcome welcome;
    };
    struct Answered {
        wire::SubmitResult result;  // of the oldest unanswered submission, in order
    };
    struct Received {
        // Sequences strictly increase over the whole session; `through` is never below them, nor
        // below what it was.
        wire::Events events;
    };
    struct Refreshed {
        std::int64_t session_ends_at_ms = 0;
    };
    // Once, last. Close the connection if it still stands.
    struct Ended {
        Error error;  // the Goodbye's, or connection_refused / timed_out / protocol_violation made
                      // here
        bool by_goodbye = false;
        std::uint16_t close_code = 0;  // the connection's, 0 if it did not say one
        std::chrono::milliseconds reconnect_after{};
    };
    using Output = std::variant<Welcomed, Answered, Received, Refreshed, Ended>;
    std::optional<Output> next_output();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace parley::protocol
