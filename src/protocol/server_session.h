#pragma once

#include "base/frame_sink.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/time.h"
#include "parley/result.h"
#include "wire/frames.h"
#include "wire/stored_event.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace parley::protocol {

struct ServerSessionOptions {
    wire::Encoding encoding = wire::Encoding::proto;
    Limits limits;
    Duration hello_timeout = ServerLimits{}.hello_timeout;
};

// The server's side of one session (spec/wire.md, "A session"): a state machine without I/O. Bytes
// and time go in, frames and outputs come out. It knows the order of frames, the windows,
// keep-alive and how a session ends; what a token, a mailbox or a submission is worth is decided by
// its owner, which is told by next_output(). One loop.
//
// A session: HelloReceived, then the owner's welcome(), then submissions, acknowledgements and
// refreshes in, answers and events out. What comes between Hello and Welcome waits for it. Any
// error, and goodbye(), end it: nothing is accepted any more, calls of the owner have no effect,
// and Ended is the last output.
class ServerSession {
  public:
    // The options are shared by many sessions and outlive them.
    ServerSession(const ServerSessionOptions& options, Instant now);
    ServerSession(const ServerSessionOptions&& options, Instant now) = delete;
    ~ServerSession();

    // ---- from the connection
    // One whole message, in the session's encoding. An error means that the session is over:
    // Goodbye and Ended are queued; the error is for the log. After the end messages are dropped.
    Result<void> receive(BytesView frame, Instant now);
    // Bytes or a pong came.
    void alive(Instant now);
    // Writes what is due while the sink has room: a ping, answers, events, and at last the Goodbye.
    // To be called after every turn that gave the session something, and when the sink has room
    // again. Each frame is begun with its exact size.
    void transmit(FrameSink& sink);
    // False: read nothing more from the connection for now. A full window is one reason:
    // backpressure keeps the order, and time spent so does not count against the peer's life. The
    // other is a peer that does not read its answers.
    bool wants_to_read() const;
    // When tick() must be called at the latest; it changes with every other call.
    std::optional<Instant> deadline() const;
    // Hello's time, keep-alive (a ping each interval; two without life end the session), the
    // token's end, and, after the end, when to give up writing to a peer that does not read.
    void tick(Instant now);

    // ---- from the owner
    // Answers a Hello. Without `messaging` the session gets no events and may not submit or
    // acknowledge (R15). The session ends with 2002 at `ends` unless refreshed().
    void welcome(const wire::Welcome& welcome, bool messaging, Instant ends);
    // Answers the oldest RefreshReceived; until then nothing more is read. A refused one ends in
    // goodbye().
    void refreshed(std::int64_t session_ends_at_ms, Instant ends);
    // The result of the oldest unanswered submission: results come in the order of the submissions.
    // One with a retryable error in it is followed by Goodbye (1002) and the end, without a word of
    // the owner: later submissions must not overtake it (R6).
    void answer(wire::SubmitResult answer);
    // How much may be handed to deliver() now: the rest of the window, of which one event is always
    // allowed. Nothing before Welcome and without messaging. The window is kept again when writing,
    // by the events' true sizes, so an owner that read a little more than `bytes` may hand it over.
    struct Room {
        std::size_t events = 0;
        std::size_t bytes = 0;
        // So many events may be handed over all the same, to wait here for the window: at least
        // `events`.
        std::size_t ahead = 0;
    };
    Room room() const;
    // Events in order, after all delivered so far, and up to where the cursor may move. No events:
    // only the cursor moves.
    void deliver(std::span<const std::shared_ptr<wire::RenderedEvent>> events, Sequence through);
    // Ends the session: what is queued goes out (events as far as the window lets them), then this
    // Goodbye, then the close code that belongs to it. The first end counts: a second one has no
    // effect.
    void goodbye(const Error& error, std::chrono::milliseconds reconnect_after = {});
    // Makes the owner's own reasons not to read (rate limit, store) part of wants_to_read().
    void hold_reading(bool held);

    // ---- what happened, in order
    struct HelloReceived {
        wire::Hello
            hello;  // its device_id is well formed, `sdk` and `features` are cut to their limits
    };
    struct Submitted {
        wire::Submit submit;
        std::size_t bytes = 0;  // of its frame, as it came
    };
    // Never beyond what this session was sent, and further than the one before. (A Hello's cursor
    // is an acknowledgement too, which the owner takes from HelloReceived.)
    struct Acknowledged {
        Sequence sequence;
    };
    struct RefreshReceived {
        std::string token;
    };
    // Close the connection with this code once transmit() has written everything (finished()
    // tells).
    struct Ended {
        std::uint16_t close_code = 0;
        Error error;
    };
    using Output = std::variant<HelloReceived, Submitted, Acknowledged, RefreshReceived, Ended>;
    std::optional<Output> next_output();
    // After Ended: all frames were handed to the sink; close the connection now.
    bool finished() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// The close code that follows a Goodbye (spec/wire.md).
std::uint16_t close_code_for(ErrorCode code);

}  // namespace parley::protocol
