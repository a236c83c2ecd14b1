#include "protocol/client_session.h"

#include "base/assert.h"
#include "protocol/fifo.h"

#include <algorithm>

namespace parley::protocol {

namespace {

// How soon after a change of the network a sign of life must come.
constexpr Duration kProbeTimeout = std::chrono::seconds(5);
constexpr Duration kShortestInterval = std::chrono::seconds(1);
constexpr Duration kLongestInterval = std::chrono::hours(1);
constexpr std::chrono::milliseconds kLongestReconnect = std::chrono::hours(24);

enum class Phase : std::uint8_t { awaiting_welcome, open, ended };

}  // namespace

struct ClientSession::State {
    State(wire::Hello hello, Instant now)
        : last_alive(now), welcome_by(now + 2 * interval), received(cursor_of(hello)) {
        control.push(wire::encode(wire::ClientFrame(std::move(hello))));
    }

    struct Unanswered {
        MessageId id;
        std::size_t bytes = 0;
    };

    Phase phase = Phase::awaiting_welcome;
    Limits limits;
    Duration interval = Limits{}.ping_interval;
    bool ping_due = false;

    Instant last_alive;
    Instant welcome_by;
    std::optional<Instant> probe_by;

    Fifo<Output> outputs;
    Fifo<Bytes> control;  // frames that are due, other than the Ack
    Fifo<Unanswered> inflight;
    std::size_t inflight_bytes = 0;

    Sequence received;  // up to here events came
    Sequence durable;   // up to here the owner has stored them
    Sequence acked;

    static Sequence cursor_of(const wire::Hello& hello) {
        return hello.cursor ? hello.cursor->sequence : Sequence();
    }

    void heard(Instant now) {
        last_alive = std::max(last_alive, now);
        probe_by.reset();
    }

    void end(Ended ended) {
        if (phase == Phase::ended) {
            return;
        }
        phase = Phase::ended;
        control.clear();
        outputs.push(std::move(ended));
    }
    void end(ErrorCode code, std::string description) {
        end({.error = make_error(code, std::move(description))});
    }
    unexpected violation(std::string description) {
        Error error = make_error(ErrorCode::protocol_violation,
                                 "the server broke the protocol: " + std::move(description));
        end({.error = error});
        return unexpected(std::move(error));
    }

    Result<void> take(wire::UnknownFrame) { return {}; }  // of a later version

    Result<void> take(wire::Welcome welcome) {
        if (phase != Phase::awaiting_welcome) {
            return violation("a second Welcome");
        }
        phase = Phase::open;
        limits = welcome.limits;
        interval = std::clamp<Duration>(limits.ping_interval, kShortestInterval, kLongestInterval);
        if (!welcome.cursor_accepted) {
            received = Sequence();
        }
        durable = received;
        acked = received;
        outputs.push(Welcomed{std::move(welcome)});
        return {};
    }

    Result<void> take(wire::SubmitResult result) {
        if (inflight.empty()) {
            return violation("a SubmitResult without a submission");
        }
        if (result.message_id != inflight.front().id) {
            return violation("a SubmitResult out of order");
        }
        inflight_bytes -= inflight.pop().bytes;
        outputs.push(Answered{std::move(result)});
        return {};
    }

    Result<void> take(wire::Events events) {
        for (const wire::Event& event : events.events) {
            if (event.sequence <= received || event.sequence.value() >= kSequenceEnd) {
                return violation("events out of order");
            }
            received = event.sequence;
        }
        if (events.through.value() >= kSequenceEnd) {
            return violation("a cursor out of range");
        }
        received = std::max(received, events.through);
        events.through = received;
        outputs.push(Received{std::move(events)});
        return {};
    }

    Result<void> take(wire::Goodbye goodbye) {
        const std::chrono::milliseconds wait(
            std::clamp<std::int64_t>(goodbye.reconnect_after_ms, 0, kLongestReconnect.count()));
        end({.error = std::move(goodbye.error), .by_goodbye = true, .reconnect_after = wait});
        return {};
    }

    Result<void> take(wire::Refreshed refreshed) {
        outputs.push(ClientSession::Refreshed{refreshed.session_ends_at_ms});
        return {};
    }

    Result<void> receive(BytesView bytes) {
        auto frame = wire::decode_server_frame(bytes);
        if (!frame) {
            return violation(std::move(frame).error().description);
        }
        const bool any_time = std::holds_alternative<wire::UnknownFrame>(*frame) ||
                              std::holds_alternative<wire::Welcome>(*frame) ||
                              std::holds_alternative<wire::Goodbye>(*frame);
        if (phase == Phase::awaiting_welcome && !any_time) {
            return violation("a frame before Welcome");
        }
        return std::visit([this](auto& body) { return take(std::move(body)); }, *frame);
    }

    static void write(const Bytes& frame, FrameSink& sink) {
        sink.begin(frame.size());
        sink.append(as_bytes(frame));
        sink.end();
    }
};

ClientSession::ClientSession(wire::Hello hello, Instant now)
    : state_(std::make_unique<State>(std::move(hello), now)) {}

ClientSession::~ClientSession() = default;

Result<void> ClientSession::receive(BytesView frame, Instant now) {
    if (state_->phase == Phase::ended) {
        return {};
    }
    state_->heard(now);
    return state_->receive(frame);
}

void ClientSession::alive(Instant now) {
    state_->heard(now);
}

void ClientSession::closed(std::uint16_t close_code, std::string_view reason) {
    std::string text = "the connection was lost";
    if (close_code != 0) {
        text += " (close code " + std::to_string(close_code) + ")";
    }
    if (!reason.empty()) {
        text.append(": ").append(reason);
    }
    state_->end({.error = make_error(ErrorCode::connection_refused, std::move(text)),
                 .close_code = close_code});
}

void ClientSession::transmit(FrameSink& sink) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    if (s.ping_due) {
        sink.ping();
        s.ping_due = false;
    }
    // Before the submissions: it frees the server's window.
    if (s.durable > s.acked && sink.has_room()) {
        State::write(wire::encode(wire::ClientFrame(wire::Ack{s.durable})), sink);
        s.acked = s.durable;
    }
    while (!s.control.empty() && sink.has_room()) {
        const Bytes frame = s.control.pop();
        State::write(frame, sink);
    }
}

std::optional<Instant> ClientSession::deadline() const {
    const State& s = *state_;
    if (s.phase == Phase::ended) {
        return std::nullopt;
    }
    Instant first = s.last_alive + 2 * s.interval;
    if (s.phase == Phase::awaiting_welcome) {
        first = std::min(first, s.welcome_by);
    }
    return s.probe_by ? std::min(first, *s.probe_by) : first;
}

void ClientSession::tick(Instant now) {
    State& s = *state_;
    if (s.phase == Phase::awaiting_welcome && now >= s.welcome_by) {
        s.end(ErrorCode::timed_out, "the server did not answer Hello in time");
    } else if (now >= s.last_alive + 2 * s.interval) {
        s.end(ErrorCode::timed_out, "nothing was heard from the server for two ping intervals");
    } else if (s.probe_by && now >= *s.probe_by) {
        s.end(ErrorCode::timed_out, "nothing was heard from the server after the network changed");
    }
}

void ClientSession::probe(Instant now) {
    State& s = *state_;
    s.ping_due = true;
    if (!s.probe_by) {
        s.probe_by = now + kProbeTimeout;
    }
}

bool ClientSession::can_submit(std::size_t frame_bytes) const {
    const State& s = *state_;
    return s.phase == Phase::open &&
           (s.inflight.empty() || (s.inflight.size() < s.limits.inflight_submissions &&
                                   s.inflight_bytes + frame_bytes <= s.limits.inflight_bytes));
}

void ClientSession::submit(const wire::Submit& submit) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    Bytes frame = wire::encode(wire::ClientFrame(submit));
    PARLEY_ASSERT(can_submit(frame.size()));
    s.inflight.push({submit.message.message_id, frame.size()});
    s.inflight_bytes += frame.size();
    s.control.push(std::move(frame));
}

void ClientSession::acknowledge(Sequence sequence) {
    State& s = *state_;
    if (s.phase == Phase::ended) {
        return;
    }
    s.durable = std::max(s.durable, std::min(sequence, s.received));
}

void ClientSession::refresh(std::string token) {
    if (state_->phase != Phase::ended) {
        state_->control.push(wire::encode(wire::ClientFrame(wire::Refresh{std::move(token)})));
    }
}

void ClientSession::end() {
    state_->end(ErrorCode::connection_refused, "the session was ended by this client");
}

std::optional<ClientSession::Output> ClientSession::next_output() {
    if (state_->outputs.empty()) {
        return std::nullopt;
    }
    return state_->outputs.pop();
}

}  // namespace parley::protocol
