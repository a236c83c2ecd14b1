#include "client/convert.h"
#include "client/engine_impl.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace parley::client {
namespace {

// Entries that fail in one turn because their window ended.
constexpr std::size_t kExpiredAtOnce = 64;
// Marks of callbacks wait this long or for this many others, or for a turn that has something to
// write (R8).
constexpr Duration kMarksWait = std::chrono::milliseconds(20);
constexpr std::size_t kMarksAtOnce = 64;
// A turn of marks alone goes to the disk with the next one that brings more: in a talk most syncs
// would be for marks. Without one it waits this long, which bounds what a loss of power brings
// again; a process that ends keeps its marks in each case.
constexpr Duration kMarksDurable = std::chrono::seconds(10);
// How often elapsed time is saved while entries wait: bounds what a clock that jumps during a run
// can distort (R9).
constexpr Duration kClockSaved = std::chrono::minutes(10);
// Timed work rests this long after trouble with the disk.
constexpr Duration kStoreRetry = std::chrono::seconds(1);
constexpr Duration kPruneEvery = std::chrono::hours(1);
// A server's clock that was ahead goes back when its store is restored from a copy, and events are
// handed out again that had expired before. What a device knows of them outlives them by so much
// (R8), or as long again where they are kept for less: by as much as that clock leaps at once
// (R17). One that was ahead for more than a day, by more, can still make it tell something twice.
constexpr Duration kServerLeap = std::chrono::hours(24);
constexpr Duration kPruneStep = std::chrono::milliseconds(200);

bool only_marks(const Turn& turn) {
    return turn.drafts.empty() && turn.answers.empty() && turn.failures.empty() &&
           turn.submitted.empty() && turn.events.empty() && !turn.cursor;
}

}  // namespace

void Engine::Impl::wake() {
    if (woken_) {
        return;
    }
    woken_ = true;
    loop_.at_turn_end([this, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired()) {
            flush();
        }
    });
}

void Engine::Impl::wake_later() {
    loop_.post([this, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired()) {
            wake();
        }
    });
}

void Engine::Impl::tell(Task notice) {
    notices_.push_back(std::move(notice));
}

void Engine::Impl::flush() {
    woken_ = false;
    if (!opened_) {
        tell_notices();
        return;
    }
    link_.tick();
    run_turn();
    if (ended_ || dial_error_) {
        end_session();
    }
    close_when_done();
    advance_connection();
    link_.transmit();
    prune();
    update_state();
    arm_timer();
    tell_notices();
}

// Called last: an observer may call the engine, which then wakes again.
void Engine::Impl::tell_notices() {
    const std::weak_ptr<char> alive = alive_;
    while (!notices_.empty() && !alive.expired()) {
        std::vector<Task> notices = std::exchange(notices_, {});
        for (Task& notice : notices) {
            notice();
        }
    }
}

// ---- one transaction

void Engine::Impl::run_turn() {
    Result<void> filled = fill_turn();
    Turn turn = std::exchange(turn_, {});
    if (!filled) {
        give_up(turn, filled.error());
        return;
    }
    const bool may_wait = only_marks(turn) && !stopping();
    if (only_marks(turn) && turn.done.empty() && !sync_due()) {
        // Entries that were submitted before need no mark to be submitted again.
        apply(turn, TurnOutcome());
        refresh_expiry();
        return;
    }
    turn.clock = clocks_.now();
    turn.durable = may_wait && !sync_due() ? Durable::soon : Durable::now;
    auto outcome = store_.commit(turn);
    if (!outcome) {
        give_up(turn, outcome.error());
        return;
    }
    clock_saved_ = loop_.now();
    if (turn.durable == Durable::now) {
        marks_durable_at_.reset();
    } else if (!marks_durable_at_) {
        marks_durable_at_ = loop_.now() + kMarksDurable;
    }
    apply(turn, *outcome);
    refresh_expiry();
}

// Time for a turn with nothing in it: it saves the clock, and takes earlier marks to the disk.
bool Engine::Impl::sync_due() const {
    const Instant now = loop_.now();
    const bool clock = oldest_ && now - clock_saved_ >= kClockSaved;
    const bool marks = marks_durable_at_ && (stopping() || *marks_durable_at_ <= now);
    return (clock || marks) && now >= store_retry_at_;
}

Result<void> Engine::Impl::fill_turn() {
    add_expired();
    add_events();
    if (messaging_session()) {
        const Pipeline::Terms terms{&limits_, window(), clocks_.server_ms().value_or(0)};
        if (auto planned = pipeline_.plan(store_, terms, turn_); !planned) {
            return planned;
        }
        for (std::size_t i = 0; i < turn_.drafts.size(); ++i) {
            pipeline_.plan_draft(terms, turn_, i);
        }
    }
    if (!done_.empty() && (marks_due() || !only_marks(turn_))) {
        turn_.done = std::exchange(done_, {});
        marks_at_.reset();
    }
    return {};
}

bool Engine::Impl::marks_due() const {
    if (loop_.now() < store_retry_at_) {
        return false;
    }
    return done_.size() >= kMarksAtOnce || inbox_full_ || stopping() ||
           (marks_at_ && *marks_at_ <= loop_.now());
}

// R10: also offline, and nothing behind waits for it.
void Engine::Impl::add_expired() {
    const bool due = oldest_ && *oldest_ + window().count() <= clocks_.elapsed_ms();
    if ((!due && !check_expiry_) || loop_.now() < store_retry_at_) {
        return;
    }
    ExpiryLimit limit{clocks_.elapsed_ms() - window().count(), std::nullopt};
    if (const auto server = clocks_.server_ms()) {
        limit.submitted_before_ms = *server - window().count();
    }
    auto expired = store_.expired(limit, kExpiredAtOnce);
    if (!expired) {
        store_retry_at_ = loop_.now() + kStoreRetry;
        return;
    }
    check_expiry_ = expired->size() >= kExpiredAtOnce;
    for (MessageId& id : *expired) {
        turn_.failures.push_back({std::move(id), window_ended()});
    }
    if (check_expiry_) {
        wake_later();
    }
}

// An app that does not look stops the recording, and so the acknowledging, and so the server's
// sending; what came until then waits in memory, bounded by the server's window.
void Engine::Impl::add_events() {
    std::uint64_t unread = store_.unread_bytes();
    while (!events_.empty() && unread < options_.inbox_bytes) {
        wire::Events frame = std::move(events_.front());
        events_.pop_front();
        for (wire::Event& event : frame.events) {
            const std::size_t bytes = event_bytes(event);
            unread += bytes;
            event_bytes_ -= bytes;
            if (auto stored = to_stored(std::move(event))) {
                turn_.events.push_back(std::move(*stored));
            }
        }
        recorded_ = frame.through;
        turn_.cursor = Cursor{epoch_, frame.through};
    }
    const bool full = !events_.empty() || (inbox_full_ && unread >= options_.inbox_bytes);
    if (full != inbox_full_) {
        inbox_full_ = full;
        if (full) {
            log_.warn("inbox.full", {{"bytes", unread}});
        }
        tell([this, full] { observer_.on_inbox(full ? InboxState::full : InboxState::has_room); });
    }
}

// The turn is durable: now it may be said and sent (R1).
void Engine::Impl::apply(Turn& turn, const TurnOutcome& outcome) {
    for (Waiter& waiter : std::exchange(waiters_, {})) {
        const std::optional<Error>& error = outcome.drafts[waiter.draft].error;
        tell([done = std::move(waiter.done), error]() mutable {
            done(error ? Result<void>(unexpected(*error)) : Result<void>());
        });
    }
    if (!turn.drafts.empty() || !turn.failures.empty() || !turn.answers.empty() ||
        !turn.events.empty()) {
        expiry_stale_ = true;
    }
    if (outcome.callbacks_added) {
        tell([this] { observer_.on_callbacks_due(); });
    }
    if (turn.cursor) {
        cursor_ = turn.cursor;
    }
    if (messaging_session() && link_.session() != nullptr) {
        for (const wire::Submit& submit : pipeline_.started(outcome)) {
            link_.session()->submit(submit);
        }
        if (recorded_) {
            link_.session()->acknowledge(*recorded_);
        }
        if (pipeline_.wants_more(limits_)) {
            wake_later();
        }
    }
    recorded_.reset();
    if (inbox_full_ && store_.unread_bytes() < options_.inbox_bytes) {
        wake_later();  // The marks of this turn have made room.
    }
}

// Nothing of the turn is kept. What the server said comes again in the next session.
void Engine::Impl::give_up(const Turn& turn, const Error& error) {
    for (Waiter& waiter : std::exchange(waiters_, {})) {
        tell([done = std::move(waiter.done), error]() mutable {
            done(unexpected(std::move(error)));
        });
    }
    done_.insert(done_.begin(), turn.done.begin(), turn.done.end());
    store_retry_at_ = loop_.now() + kStoreRetry;
    recorded_.reset();
    check_expiry_ = check_expiry_ || !turn.failures.empty();
    const bool only_drafts = pipeline_.abandon() && turn.answers.empty() && !turn.cursor;
    if (!only_drafts && link_.session() != nullptr && !ended_) {
        ended_ = Ended{error, false, 0, {}};
    }
}

// ---- timed work

void Engine::Impl::refresh_expiry() {
    if (!expiry_stale_) {
        return;
    }
    if (auto oldest = store_.oldest_entry()) {
        oldest_ = *oldest;
        expiry_stale_ = false;
    }
}

void Engine::Impl::prune() {
    // Only by what a server has said in this run: a wall clock that is wrong forgets nothing, and
    // the server's clock may stand still where ours goes on (R8, R17).
    if (!prune_at_ || loop_.now() < *prune_at_ || !welcomed_ || !clocks_.confirmed()) {
        return;
    }
    PruneLimit limit;
    limit.server_ms = server_said_ms_;
    const Duration retention = limits_.retention;
    limit.retention_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             retention + std::min(retention, kServerLeap))
                             .count();
    const auto more = store_.prune(limit);
    prune_at_ = loop_.now() + (more && *more ? kPruneStep : kPruneEvery);
}

void Engine::Impl::arm_timer() {
    std::optional<Instant> next;
    const auto consider = [&](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) {
            next = when;
        }
    };
    if (!done_.empty() && !marks_at_) {
        marks_at_ = loop_.now() + kMarksWait;
    }
    const auto consider_store = [&](Instant when) { consider(std::max(when, store_retry_at_)); };
    consider(link_.deadline());
    if (marks_at_) {
        consider_store(*marks_at_);
    }
    if (marks_durable_at_) {
        consider_store(*marks_durable_at_);
    }
    if (wanted_ && stopping_ == Stopping::no) {
        consider(credentials_.deadline());
        if (!link_.active() && credentials_.usable(loop_.now())) {
            consider(next_attempt_);
        }
    }
    if (check_expiry_) {
        consider_store(loop_.now());
    }
    if (oldest_) {
        consider_store(clocks_.when_elapsed(*oldest_ + window().count()));
        consider_store(clock_saved_ + kClockSaved);
    }
    if (welcomed_) {
        consider(prune_at_);
    }
    timer_.reset();
    if (next) {
        // A moment that has passed already gets a turn of its own, so that the loop can do other
        // things first.
        timer_ = loop_.call_at(std::max(*next, loop_.now()), [this] { wake(); });
    }
}

}  // namespace parley::client
