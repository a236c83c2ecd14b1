#include "protocol/server_session.h"

#include "base/assert.h"
#include "protocol/event_window.h"
#include "protocol/fifo.h"
#include "wire/json.h"

#include <algorithm>

namespace parley::protocol {

namespace {

constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kMessageTooBig = 1009;
constexpr std::uint16_t kTryAgainLater = 1013;

constexpr std::size_t kFeatures = 64;

enum class Phase : std::uint8_t { awaiting_hello, awaiting_welcome, open, ended };

// At most `most` bytes, never a part of a character.
void shorten(std::string& text, std::size_t most) {
    if (text.size() <= most) {
        return;
    }
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
        --most;
    }
    text.resize(most);
}

bool has_retryable_error(const wire::SubmitResult& result) {
    return (result.error && result.error->retryable) ||
           std::any_of(result.recipients.begin(), result.recipients.end(),
                       [](const auto& one) { return one.error && one.error->retryable; });
}

}  // namespace

std::uint16_t close_code_for(ErrorCode code) {
    switch (code) {
        case ErrorCode::draining:
            return kGoingAway;
        case ErrorCode::server_error:
        case ErrorCode::mailbox_reset:
        case ErrorCode::too_many_connections:
            return kTryAgainLater;
        default:
            return kPolicyViolation;
    }
}

struct ServerSession::State {
    State(const ServerSessionOptions& given, Instant now)
        : options(given),
          seen(now),
          last_alive(now),
          next_ping(now + interval()),
          ends(now + options.hello_timeout),
          events(options.encoding, options.limits) {}

    struct EarlyFrame {
        wire::ClientFrame frame;
        std::size_t bytes = 0;
    };

    // There are as many of these as connections: what is alike in all, or can be told from the
    // rest, is not kept.
    const ServerSessionOptions& options;
    Phase phase = Phase::awaiting_hello;
    bool messaging = false;
    bool held = false;
    bool ping_due = false;
    // Reading was paused since the last tick: silence until then means nothing.
    bool paused = false;
    bool stuck = false;  // frames that are due found no room the last time
    std::uint32_t pending_refreshes = 0;

    Instant seen;  // the latest time that was told
    Instant last_alive;
    Instant next_ping;
    // The phase ends by then: the time for Hello, the token's end, or when to give up what an ended
    // session could not write.
    Instant ends;

    Fifo<Output> outputs;
    Fifo<EarlyFrame> early;         // came between Hello and Welcome
    Fifo<std::size_t> inflight;     // unanswered submissions, by their sizes
    std::size_t waiting_bytes = 0;  // of either

    Fifo<Bytes> control;  // frames that are due, other than events and the Goodbye
    std::size_t control_bytes = 0;
    std::unique_ptr<Bytes> farewell;

    EventWindow events;

    Duration interval() const {
        return std::max<Duration>(options.limits.ping_interval, std::chrono::seconds(1));
    }
    void saw(Instant now) { seen = std::max(seen, now); }
    bool is_json() const { return options.encoding == wire::Encoding::json; }

    // This side has a reason of its own to read nothing now.
    bool holds_back() const {
        switch (phase) {
            case Phase::awaiting_hello:
            case Phase::ended:  // what still comes is dropped
                return false;
            case Phase::awaiting_welcome:
                return true;
            case Phase::open:
                break;
        }
        return held || pending_refreshes > 0 ||
               inflight.size() >= options.limits.inflight_submissions ||
               waiting_bytes >= options.limits.inflight_bytes;
    }
    // Who does not read its answers gets no further ones, or they would fill the memory (R20).
    bool wants_to_read() const {
        return !holds_back() &&
               (phase != Phase::open || control_bytes < options.limits.frame_bytes);
    }
    void note_pause() { paused = paused || holds_back(); }

    static std::size_t weight_of(const Bytes& frame) { return frame.size() + sizeof(Bytes); }
    void say(Bytes frame) {
        control_bytes += weight_of(frame);
        control.push(std::move(frame));
    }
    void drop_control() {
        control.clear();
        control_bytes = 0;
    }

    Bytes encode(const wire::ServerFrame& frame) const {
        return is_json() ? wire::encode_json(frame) : wire::encode(frame);
    }
    Result<wire::ClientFrame> decode(BytesView bytes) const {
        return is_json() ? wire::decode_client_json(bytes) : wire::decode_client_frame(bytes);
    }

    void end(std::uint16_t close_code, const Error& error) {
        phase = Phase::ended;
        early.clear();
        inflight.clear();
        ends = seen + 2 * interval();
        outputs.push(Ended{close_code, error});
    }
    void goodbye(const Error& error, std::chrono::milliseconds reconnect_after) {
        if (phase == Phase::ended) {
            return;
        }
        farewell = std::make_unique<Bytes>(encode(wire::Goodbye{error, reconnect_after.count()}));
        end(close_code_for(error.code), error);
    }
    unexpected refuse(ErrorCode code, std::string description) {
        Error error = make_error(code, std::move(description));
        goodbye(error, {});
        return unexpected(std::move(error));
    }
    unexpected violation(std::string description) {
        return refuse(ErrorCode::protocol_violation, std::move(description));
    }
    // Violations that WebSocket has a close code for end without a Goodbye.
    unexpected close(std::uint16_t code, std::string description) {
        Error error = make_error(ErrorCode::protocol_violation, std::move(description));
        end(code, error);
        return unexpected(std::move(error));
    }

    Result<void> receive(BytesView bytes) {
        const std::size_t longest = std::size_t{options.limits.frame_bytes} * (is_json() ? 2 : 1);
        // Nobody knows yet who sends this.
        const std::size_t most =
            phase == Phase::awaiting_hello ? std::min<std::size_t>(longest, kHelloBytes) : longest;
        if (bytes.size() > most) {
            return close(kMessageTooBig, "a frame of " + std::to_string(bytes.size()) +
                                             " bytes, the limit is " + std::to_string(most));
        }
        auto frame = decode(bytes);
        if (!frame) {
            if (is_json() && !wire::is_utf8(as_text(bytes))) {
                return close(kInvalidPayload, "a text frame that is not valid UTF-8");
            }
            return violation(std::move(frame).error().description);
        }
        auto* hello = std::get_if<wire::Hello>(&*frame);
        if (phase == Phase::awaiting_hello) {
            if (hello == nullptr) {
                return violation("the first frame of a session is Hello");
            }
            return take(std::move(*hello));
        }
        if (hello != nullptr) {
            return violation("a second Hello in one session");
        }
        if (phase == Phase::awaiting_welcome) {
            waiting_bytes += bytes.size();
            if (waiting_bytes > options.limits.inflight_bytes + most) {
                return violation("more frames before Welcome than the window holds");
            }
            early.push({std::move(*frame), bytes.size()});
            return {};
        }
        return take(std::move(*frame), bytes.size());
    }

    Result<void> take(wire::Hello hello) {
        if (!wire::is_identifier(hello.device_id.value())) {
            return refuse(ErrorCode::invalid_argument,
                          "device_id is not 1 to 64 characters out of A-Z a-z 0-9 - _");
        }
        // Both are for information: too much of it is no reason to refuse a client.
        shorten(hello.sdk, kSdkNameCharacters);
        hello.features.resize(std::min(hello.features.size(), kFeatures));
        if (hello.cursor) {
            events.start(hello.cursor->sequence);
        }
        phase = Phase::awaiting_welcome;
        ends = Instant::max();
        outputs.push(HelloReceived{std::move(hello)});
        return {};
    }

    Result<void> take(wire::ClientFrame frame, std::size_t bytes) {
        if (auto* refresh = std::get_if<wire::Refresh>(&frame)) {
            ++pending_refreshes;
            outputs.push(RefreshReceived{std::move(refresh->token)});
            return {};
        }
        if (!messaging) {
            return violation("a Submit or Ack in a session without messaging");  // R15
        }
        if (auto* submit = std::get_if<wire::Submit>(&frame)) {
            inflight.push(bytes);
            waiting_bytes += bytes;
            outputs.push(Submitted{std::move(*submit), bytes});
            return {};
        }
        return take(std::get<wire::Ack>(frame));
    }

    Result<void> take(const wire::Ack& ack) {
        if (ack.sequence > events.sent()) {
            return violation("an Ack up to " + std::to_string(ack.sequence.value()) +
                             ", but this session was sent events up to " +
                             std::to_string(events.sent().value()));
        }
        // One that is repeated or overtaken says nothing new.
        if (events.acknowledge(ack.sequence)) {
            outputs.push(Acknowledged{ack.sequence});
        }
        return {};
    }

    void transmit(FrameSink& sink) {
        if (ping_due && phase != Phase::ended) {
            sink.ping();
        }
        ping_due = false;
        if (stuck && sink.has_room()) {
            // The peer has read something, also where we read nothing from it.
            last_alive = std::max(last_alive, seen);
        }
        while (!control.empty() && sink.has_room()) {
            const Bytes frame = control.pop();
            control_bytes -= weight_of(frame);
            write(frame, sink);
        }
        stuck = !control.empty();
        bool more = true;
        while (more && sink.has_room()) {
            more = events.write(sink);
        }
        if (phase != Phase::ended || !sink.has_room()) {
            return;
        }
        // What the window holds back stays in the mailbox for the next session.
        events.drop();
        if (farewell) {
            write(*farewell, sink);
            farewell.reset();
        }
    }
    static void write(const Bytes& frame, FrameSink& sink) {
        sink.begin(frame.size());
        sink.append(as_bytes(frame));
        sink.end();
    }

    void tick(Instant now) {
        if (phase == Phase::ended) {
            if (now >= ends) {
                drop_control();
                events.drop();
                farewell.reset();
            }
            return;
        }
        if (now >= ends) {
            if (phase == Phase::awaiting_hello) {
                refuse(ErrorCode::timed_out, "no Hello came within the time for it");
            } else {
                refuse(ErrorCode::not_authenticated, "the token has ended");
            }
            return;
        }
        if (paused) {
            last_alive = std::max(last_alive, now);
            paused = holds_back();
        }
        if (now - last_alive >= 2 * interval()) {
            refuse(ErrorCode::timed_out,
                   "nothing was heard from the client for two ping intervals");
            return;
        }
        if (now >= next_ping) {
            ping_due = true;
            next_ping = now + interval();
        }
    }
};

ServerSession::ServerSession(const ServerSessionOptions& options, Instant now)
    : state_(std::make_unique<State>(options, now)) {}

ServerSession::~ServerSession() = default;

Result<void> ServerSession::receive(BytesView frame, Instant now) {
    state_->saw(now);
    if (state_->phase == Phase::ended) {
        return {};
    }
    state_->last_alive = std::max(state_->last_alive, now);
    auto taken = state_->receive(frame);
    state_->note_pause();
    return taken;
}

void ServerSession::alive(Instant now) {
    state_->saw(now);
    state_->last_alive = std::max(state_->last_alive, now);
}

void ServerSession::transmit(FrameSink& sink) {
    state_->transmit(sink);
}

bool ServerSession::wants_to_read() const {
    return state_->wants_to_read();
}

std::optional<Instant> ServerSession::deadline() const {
    const State& s = *state_;
    if (s.phase == Phase::ended) {
        return finished() ? std::nullopt : std::optional(s.ends);
    }
    Instant first = std::min(s.next_ping, s.ends);
    if (!s.paused) {
        first = std::min(first, s.last_alive + 2 * s.interval());
    }
    return first;
}

void ServerSession::tick(Instant now) {
    state_->saw(now);
    state_->tick(now);
}

void ServerSession::welcome(const wire::Welcome& welcome, bool messaging, Instant ends) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    PARLEY_ASSERT(s.phase == Phase::awaiting_welcome);
    s.phase = Phase::open;
    s.messaging = messaging;
    s.ends = ends;
    if (!welcome.cursor_accepted) {
        s.events.start(Sequence());
    }
    s.say(s.encode(welcome));
    s.waiting_bytes = 0;
    while (!s.early.empty()) {
        auto frame = s.early.pop();
        if (!s.take(std::move(frame.frame), frame.bytes)) {
            break;  // The session is over, and its outputs say why.
        }
    }
    s.note_pause();
}

void ServerSession::refreshed(std::int64_t session_ends_at_ms, Instant ends) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    PARLEY_ASSERT(s.pending_refreshes > 0);
    --s.pending_refreshes;
    s.ends = ends;
    s.say(s.encode(wire::Refreshed{session_ends_at_ms}));
}

void ServerSession::answer(wire::SubmitResult answer) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    PARLEY_ASSERT(!s.inflight.empty());
    s.waiting_bytes -= s.inflight.pop();
    wire::ServerFrame frame(std::move(answer));
    auto& result = std::get<wire::SubmitResult>(frame);
    // A refused message may have had an id of any length.
    const bool id_fits = result.message_id.value().size() <= kIdCharacters;
    Bytes bytes = id_fits ? s.encode(frame) : Bytes();
    if (!id_fits || bytes.size() > s.options.limits.frame_bytes) {
        std::string id = std::move(result.message_id).value();
        shorten(id, kIdCharacters);
        result.message_id = MessageId(std::move(id));
        for (wire::RecipientResult& one : result.recipients) {
            if (one.error) {
                one.error->description = to_string(one.error->domain);
            }
        }
        bytes = s.encode(frame);
    }
    s.say(std::move(bytes));
    if (has_retryable_error(result)) {
        // Later submissions must not overtake this one (R6): the client comes back and begins with
        // it.
        s.goodbye(
            make_error(ErrorCode::server_error,
                       "a submission could not be completed now: reconnect and submit it again"),
            {});
    }
}

ServerSession::Room ServerSession::room() const {
    const State& s = *state_;
    if (s.phase != Phase::open || !s.messaging) {
        return {};
    }
    if (!s.events.has_room()) {
        return {0, s.events.room_bytes(), s.events.room_ahead()};
    }
    return {s.events.room_events(), s.events.room_bytes(), s.events.room_ahead()};
}

void ServerSession::deliver(std::span<const std::shared_ptr<wire::RenderedEvent>> events,
                            Sequence through) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    PARLEY_ASSERT(s.phase == Phase::open && s.messaging);
    s.events.add(events, through);
}

void ServerSession::goodbye(const Error& error, std::chrono::milliseconds reconnect_after) {
    state_->goodbye(error, reconnect_after);
}

void ServerSession::hold_reading(bool held) {
    state_->held = held;
    state_->note_pause();
}

std::optional<ServerSession::Output> ServerSession::next_output() {
    if (state_->outputs.empty()) {
        return std::nullopt;
    }
    return state_->outputs.pop();
}

bool ServerSession::finished() const {
    const State& s = *state_;
    return s.phase == Phase::ended && s.control.empty() && s.events.idle() && !s.farewell;
}

}  // namespace parley::protocol
