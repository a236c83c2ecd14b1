#pragma once

#include "client/clocks.h"
#include "client/credentials.h"
#include "client/engine.h"
#include "client/link.h"
#include "client/pipeline.h"
#include "protocol/backoff.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::client {

// What an engine does, in three files: what the owner calls (engine.cc), what one turn makes
// durable (engine_turn.cc), how sessions come and go (engine_session.cc). Calls and the link only
// take notes and wake(); the work is done by flush() at the end of the turn, and the observer is
// called after that.
class Engine::Impl final : public LinkOwner {
  public:
    Impl(EngineOptions options, LocalStore& store, io::Loop& loop, io::Dialer& dialer,
         io::WallClock& wall, io::Entropy& entropy, EngineObserver& observer, Logger log);

    // ---- engine.cc
    Result<DeviceId> open();
    void start();
    void stop(Stop how);
    void set_token(std::string token);
    void token_refused(const Error& error);
    void network_changed();
    void send(OutgoingDraft draft, SendDone done);
    Result<std::optional<ChainKey>> copy_key(const MessageId& original);
    Result<void> cancel(const MessageId& message);
    Result<std::vector<Entry>> outbox(Order after, std::size_t count);
    std::chrono::milliseconds time_left(const Entry& entry) const;
    Result<std::vector<Callback>> next_callbacks(std::size_t count);
    void callback_done(CallbackId id);
    const DeviceId& device() const { return device_; }
    const ConnectionState& state() const { return state_; }
    const Limits& limits() const { return limits_; }

    // ---- engine_session.cc
    void link_failed(const Error& error) override;
    void link_output(protocol::ClientSession::Output output) override;
    void link_closed() override;
    void link_wake() override { wake(); }

  private:
    using Ended = protocol::ClientSession::Ended;
    struct Waiter {
        std::size_t draft = 0;  // its place in Turn::drafts
        SendDone done;
    };
    enum class Stopping { no, gracefully, closing };

    // ---- engine.cc
    Result<Draft> make_draft(OutgoingDraft outgoing);
    std::chrono::milliseconds window() const;
    std::optional<std::int64_t> chain_void_before() const;

    // ---- engine_turn.cc
    void wake();
    void wake_later();
    void flush();
    void run_turn();
    Result<void> fill_turn();
    void add_expired();
    void add_events();
    void plan_submissions();
    void apply(Turn& turn, const TurnOutcome& outcome);
    void give_up(const Turn& turn, const Error& error);
    void refresh_expiry();
    void prune();
    void arm_timer();
    void tell(Task notice);
    void tell_notices();
    // On the way to a stop there may be no later turn (R8).
    bool stopping() const { return !wanted_ || stopping_ != Stopping::no; }
    bool marks_due() const;
    bool sync_due() const;

    // ---- engine_session.cc
    bool messaging_session() const { return welcomed_ && !ended_ && options_.supports_messaging; }
    void on_welcome(wire::Welcome welcome);
    void on_answer(wire::SubmitResult result);
    void on_events(wire::Events events);
    void token_lasts(std::int64_t session_ends_at_ms);
    void break_session(ErrorCode code, std::string what);
    void end_session();
    void judge_end(const Ended& ended, bool was_welcomed);
    bool blame_first_unanswered(const Ended& ended);
    void advance_connection();
    void dial();
    void close_when_done();
    void retry_later(std::chrono::milliseconds at_least);
    void stop_for_good(const Error& error);
    void say_failed(const Error& error, Finality finality);
    void set_phase(Phase phase);
    void update_state();

    const EngineOptions options_;
    LocalStore& store_;
    io::Loop& loop_;
    io::Dialer& dialer_;
    EngineObserver& observer_;
    Logger log_;
    io::Entropy& entropy_;
    Clocks clocks_;
    protocol::Backoff backoff_;
    Credentials credentials_;
    Link link_;
    Pipeline pipeline_;

    DeviceId device_;
    Limits limits_;
    std::optional<Cursor> cursor_;
    bool opened_ = false;

    // What the owner wants.
    bool wanted_ = false;    // started, and neither stopped nor refused for good
    bool accepting_ = true;  // send() may be called
    bool started_said_ = false;
    Stopping stopping_ = Stopping::no;

    // The session under way.
    bool welcomed_ = false;
    bool lived_ = false;  // something came after the Welcome
    Instant welcomed_at_{};
    Epoch epoch_;     // of the mailbox that this session reads
    Sequence shown_;  // up to here events have come in this session
    std::optional<Ended> ended_;
    std::optional<Error> dial_error_;

    // Between sessions.
    Instant next_attempt_{};
    Instant not_before_{};  // the server's own wish, which a changed network does not cut short
    std::optional<MessageId> blamed_;  // R14: a session ended on this first unanswered entry
    std::optional<Error> said_;        // the reason told last
    ConnectionState state_;
    ConnectionState state_said_;

    // What this turn has to make durable.
    Turn turn_;
    std::vector<Waiter> waiters_;
    std::deque<wire::Events> events_;  // received, not yet recorded
    std::size_t event_bytes_ = 0;
    bool inbox_full_ = false;
    std::optional<Sequence> recorded_;  // the cursor of the turn

    // Callbacks.
    CallbackId taken_;
    std::vector<CallbackId> done_;
    std::optional<Instant> marks_at_;          // of those in done_
    std::optional<Instant> marks_durable_at_;  // of those committed Durable::soon

    // Timed work.
    bool expiry_stale_ = true;  // oldest_ must be read again
    bool check_expiry_ = false;
    std::optional<std::int64_t> oldest_;  // elapsed time at which the oldest open entry was queued
    std::optional<Instant> prune_at_;
    std::int64_t server_said_ms_ = 0;  // the server's clock as it was last told, not reckoned on
    Instant clock_saved_{};
    Instant store_retry_at_{};  // after trouble with the disk, nothing timed is tried before
    io::Timer timer_;

    std::vector<Task> notices_;
    bool woken_ = false;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace parley::client
