#include "client/convert.h"
#include "client/engine_impl.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace parley::client {
namespace {

using Session = protocol::ClientSession;

// A session that lived this long was one, even if nothing came (R9: backoff belongs to the
// connection).
constexpr Duration kLived = std::chrono::seconds(10);
constexpr Duration kPruneAfterWelcome = std::chrono::minutes(1);
// The longest wish of a server that is honoured.
constexpr std::chrono::milliseconds kReconnectAfterMost = std::chrono::minutes(10);
// The longest frame that is taken from a server, whatever it says: what parleyd can be set to.
constexpr std::size_t kLongestFrame = 256 * 1024 * 1024;
// What waits for an inbox that is full; a server that keeps its window sends less.
constexpr std::size_t kWaitingEventBytes = 64 * 1024 * 1024;

// Times of a server are taken as far as they can be calculated with: up to the year 9999.
constexpr std::int64_t kLatestMs = 253'402'300'799'999;

std::int64_t sane_time(std::int64_t told_ms) {
    return std::clamp<std::int64_t>(told_ms, 0, kLatestMs);
}

// A server that leaves a limit out means the default. The window of submissions stays as told: the
// session keeps the same.
Limits sane(Limits told) {
    const Limits usual;
    const auto repair = [](auto& value, auto otherwise) {
        if (value <= decltype(otherwise){}) {
            value = otherwise;
        }
    };
    repair(told.text_bytes, usual.text_bytes);
    repair(told.header_bytes, usual.header_bytes);
    repair(told.recipients, usual.recipients);
    repair(told.recipient_bytes, usual.recipient_bytes);
    repair(told.unacked_events, usual.unacked_events);
    repair(told.frame_bytes, usual.frame_bytes);
    repair(told.retry_window, usual.retry_window);
    repair(told.retention, usual.retention);
    repair(told.dedupe_horizon, usual.dedupe_horizon);
    repair(told.ping_interval, usual.ping_interval);
    return told;
}

}  // namespace

// ---- what the link says: taken down here, worked on by flush()

void Engine::Impl::link_failed(const Error& error) {
    dial_error_ = error;
}

void Engine::Impl::link_output(Session::Output output) {
    if (ended_) {
        return;
    }
    if (auto* welcomed = std::get_if<Session::Welcomed>(&output)) {
        on_welcome(std::move(welcomed->welcome));
    } else if (auto* answered = std::get_if<Session::Answered>(&output)) {
        on_answer(std::move(answered->result));
    } else if (auto* received = std::get_if<Session::Received>(&output)) {
        on_events(std::move(received->events));
    } else if (auto* refreshed = std::get_if<Session::Refreshed>(&output)) {
        lived_ = true;
        token_lasts(refreshed->session_ends_at_ms);
    } else if (auto* ended = std::get_if<Session::Ended>(&output)) {
        ended_ = std::move(*ended);
    }
    wake();
}

void Engine::Impl::link_closed() {
    if (stopping_ == Stopping::closing) {
        stopping_ = Stopping::no;
    }
    wake();
}

void Engine::Impl::break_session(ErrorCode code, std::string what) {
    ended_ = Ended{make_error(code, std::move(what)), false, 0, {}};
}

void Engine::Impl::on_welcome(wire::Welcome welcome) {
    if (welcome.user_id != options_.user) {
        // Another user's token would read another user's mailbox into this store (R23).
        ended_ = Ended{make_error(ErrorCode::not_authenticated,
                                  "the token belongs to user " + welcome.user_id.value() +
                                      ", not to " + options_.user.value()),
                       true,
                       0,
                       {}};
        return;
    }
    limits_ = sane(welcome.limits);
    server_said_ms_ = sane_time(welcome.server_time_ms);
    clocks_.confirm(server_said_ms_);
    const bool keep_cursor = welcome.cursor_accepted || !options_.supports_messaging;
    if (auto stored = store_.welcomed(limits_, clocks_.now(), keep_cursor); !stored) {
        ended_ = Ended{stored.error(), false, 0, {}};
        return;
    }
    if (!keep_cursor) {
        cursor_.reset();
    }
    welcomed_ = true;
    lived_ = false;
    welcomed_at_ = loop_.now();
    epoch_ = welcome.head.epoch;
    shown_ = cursor_ ? cursor_->sequence : Sequence();
    pipeline_.begin_session();
    check_expiry_ = true;
    prune_at_ = loop_.now() + kPruneAfterWelcome;
    said_.reset();
    state_.reason.reset();
    token_lasts(welcome.session_ends_at_ms);
    log_.info("session.opened",
              {{"session", welcome.session_id}, {"cursor_accepted", welcome.cursor_accepted}});
    if (!std::exchange(started_said_, true)) {
        tell([this] { observer_.on_started(options_.user, device_); });
    }
}

void Engine::Impl::token_lasts(std::int64_t session_ends_at_ms) {
    std::optional<Instant> ends;
    if (session_ends_at_ms > 0) {
        ends = clocks_.when_elapsed(clocks_.elapsed_ms() + sane_time(session_ends_at_ms) -
                                    clocks_.server_ms().value_or(0));
    }
    credentials_.accepted(loop_.now(), ends);
}

void Engine::Impl::on_answer(wire::SubmitResult result) {
    lived_ = true;
    if (!pipeline_.answered(result.message_id)) {
        break_session(ErrorCode::protocol_violation,
                      "the server answered a submission that was not the oldest");
        return;
    }
    blamed_.reset();
    const auto passing = [](const std::optional<Error>& error) {
        return error && error->retryable;
    };
    const bool unfinished =
        passing(result.error) ||
        std::any_of(result.recipients.begin(), result.recipients.end(),
                    [&](const wire::RecipientResult& r) { return passing(r.error); });
    turn_.answers.push_back(to_answer(std::move(result)));
    if (unfinished) {
        // Nothing later is answered in this session (spec/wire.md, 6): the Goodbye is on its way.
        ended_ =
            Ended{make_error(ErrorCode::server_error, "the server could not store a message now"),
                  true,
                  0,
                  {}};
    }
}

void Engine::Impl::on_events(wire::Events events) {
    lived_ = true;
    Sequence last = shown_;
    for (const wire::Event& event : events.events) {
        if (event.sequence <= last || event.sequence.value() >= kSequenceEnd) {
            break_session(ErrorCode::protocol_violation, "the server sent events out of order");
            return;
        }
        last = event.sequence;
        event_bytes_ += event_bytes(event);
        server_said_ms_ = std::max(server_said_ms_, sane_time(event.at_ms));
    }
    events.through = std::max(events.through, last);
    if (events.through.value() >= kSequenceEnd) {
        break_session(ErrorCode::protocol_violation, "the server sent a sequence out of range");
        return;
    }
    shown_ = events.through;
    events_.push_back(std::move(events));
    if (inbox_full_ && event_bytes_ > kWaitingEventBytes) {
        break_session(ErrorCode::protocol_violation, "the server sent more than its window allows");
    }
}

// ---- the end of a session

void Engine::Impl::end_session() {
    const bool was_welcomed = std::exchange(welcomed_, false);
    if (was_welcomed && (lived_ || loop_.now() - welcomed_at_ >= kLived)) {
        backoff_.reset();
    }
    events_.clear();
    event_bytes_ = 0;
    const Ended ended = ended_ ? std::move(*ended_) : Ended{*dial_error_, false, 0, {}};
    const bool dialed = dial_error_.has_value();
    ended_.reset();
    dial_error_.reset();
    link_.drop();
    log_.info("session.ended",
              {{"code", static_cast<int>(ended.error.code)}, {"error", ended.error.description}});
    if (dialed && ended.error.code == ErrorCode::invalid_argument) {
        stop_for_good(ended.error);
    } else {
        judge_end(ended, was_welcomed);
    }
    pipeline_.end_session();
}

// R14: a session that is refused or ended fails no message, with the one exception.
void Engine::Impl::judge_end(const Ended& ended, bool was_welcomed) {
    const bool blamed = blame_first_unanswered(ended);
    if (ended.by_goodbye && ended.error.code == ErrorCode::not_authenticated) {
        if (credentials_.refused() && !was_welcomed) {
            stop_for_good(ended.error);
            return;
        }
        say_failed(ended.error, Finality::retrying);
        if (was_welcomed) {
            retry_later({});
        } else {
            next_attempt_ = loop_.now();  // With the new token; a second refusal is final.
        }
        return;
    }
    if (ended.by_goodbye && !ended.error.retryable && !blamed) {
        stop_for_good(ended.error);
        return;
    }
    say_failed(ended.error, Finality::retrying);
    retry_later(ended.reconnect_after);
}

bool Engine::Impl::blame_first_unanswered(const Ended& ended) {
    const bool suspicious =
        (ended.by_goodbye && ended.error.code == ErrorCode::protocol_violation) ||
        ended.close_code == io::close_code::kInvalidPayload ||
        ended.close_code == io::close_code::kMessageTooBig;
    const auto first = pipeline_.first_unanswered();
    if (!suspicious || !first) {
        return false;
    }
    if (blamed_ != first) {
        blamed_ = first;
        return true;
    }
    blamed_.reset();
    turn_.failures.push_back({*first, make_error(ErrorCode::invalid_argument,
                                                 "the server ended two sessions on this message: " +
                                                     ended.error.description)});
    wake_later();
    return true;
}

void Engine::Impl::retry_later(std::chrono::milliseconds at_least) {
    not_before_ =
        loop_.now() + std::clamp(at_least, std::chrono::milliseconds(0), kReconnectAfterMost);
    next_attempt_ = std::max(not_before_, loop_.now() + backoff_.next());
}

void Engine::Impl::stop_for_good(const Error& error) {
    wanted_ = false;
    stopping_ = Stopping::no;
    state_.reason = error;
    said_.reset();
    say_failed(error, Finality::final);
}

void Engine::Impl::say_failed(const Error& error, Finality finality) {
    state_.reason = error;
    if (said_ == error) {
        return;
    }
    said_ = error;
    tell([this, error, finality] { observer_.on_failed(error, finality); });
}

// ---- the way to the next one

void Engine::Impl::close_when_done() {
    if (stopping_ == Stopping::no || stopping_ == Stopping::closing) {
        return;
    }
    const bool at_once = !wanted_;
    const bool busy = messaging_session() && !pipeline_.idle();
    if (!at_once && busy) {
        return;
    }
    welcomed_ = false;
    wanted_ = false;
    pipeline_.end_session();
    events_.clear();
    event_bytes_ = 0;
    const bool closing = link_.close();
    stopping_ = closing && !at_once ? Stopping::closing : Stopping::no;
    state_.reason.reset();
}

void Engine::Impl::advance_connection() {
    if (!wanted_ || stopping_ != Stopping::no) {
        return;
    }
    const Instant now = loop_.now();
    using Need = Credentials::Need;
    const Need need = credentials_.ask(now);
    if (need != Need::none) {
        const TokenReason reason = need == Need::missing     ? TokenReason::missing
                                   : need == Need::ends_soon ? TokenReason::ends_soon
                                                             : TokenReason::refused;
        tell([this, reason] { observer_.on_token_needed(reason); });
    }
    if (!link_.active() && credentials_.usable(now) && now >= next_attempt_) {
        dial();
    }
}

void Engine::Impl::dial() {
    wire::Hello hello;
    hello.token = credentials_.token();
    hello.device_id = device_;
    hello.supports_messaging = options_.supports_messaging;
    hello.sdk = options_.sdk.substr(0, kSdkNameCharacters);
    if (options_.supports_messaging) {
        hello.cursor = cursor_;
    }
    // As long as the server said last that a frame may be. One that says more than this session
    // was made for, in its first Welcome, is met again with room for it.
    io::DialTarget target = options_.target;
    target.message_bytes =
        std::max(target.message_bytes, std::min<std::size_t>(limits_.frame_bytes, kLongestFrame));
    link_.open(target, std::move(hello));
}

void Engine::Impl::update_state() {
    state_.next_attempt.reset();
    if (welcomed_) {
        state_.phase = Phase::connected;
    } else if (!wanted_ && stopping_ != Stopping::closing) {
        state_.phase = Phase::stopped;
    } else if (link_.active()) {
        state_.phase = Phase::connecting;
    } else if (!credentials_.usable(loop_.now())) {
        state_.phase = Phase::waiting_for_token;
    } else {
        state_.phase = Phase::waiting;
        state_.next_attempt = next_attempt_;
    }
    const bool same =
        state_.phase == state_said_.phase && state_.next_attempt == state_said_.next_attempt;
    if (!same) {
        state_said_ = state_;
        tell([this, state = state_] { observer_.on_state(state); });
    }
}

}  // namespace parley::client
