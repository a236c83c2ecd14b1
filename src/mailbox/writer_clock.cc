// Writer, the part that keeps the store's time (R17) and does what is due by it.
#include "mailbox/writer.h"

#include <algorithm>
#include <utility>

namespace parley::mailbox {
namespace {

constexpr auto kClockWritten = std::chrono::seconds(5);       // with commits that happen anyway
constexpr auto kClockWrittenIdle = std::chrono::minutes(10);  // else
constexpr auto kBodiesKeptLonger = std::chrono::hours(24);

// Often enough for the retention, and seldom enough to cost nothing.
std::chrono::seconds tick_every(std::chrono::seconds retention) {
    return std::clamp(retention / 20, std::chrono::seconds(1), std::chrono::seconds(60));
}
std::chrono::seconds expire_every(std::chrono::seconds retention) {
    return std::clamp(retention / 20, std::chrono::seconds(1), std::chrono::seconds(3600));
}

}  // namespace

void Writer::arm_tick() {
    Instant when = shared_->loop.now() + tick_every(shared_->retention);
    if (shared_->refusals.now() && housekeeping_after_ > shared_->loop.now()) {
        // Whether there is room again is found out without waiting for someone to ask.
        when = std::min(when, housekeeping_after_);
    }
    tick_timer_ = shared_->loop.call_at(when, [this] {
        update_clock();
        shared_->damage.look_again();
        arm_tick();
        advance();
    });
}

void Writer::update_clock() {
    const std::optional<WallTime> held_before = clock_.held_since();
    // A time that a door has told is not taken back when the wall clock falls.
    const WallTime told = wall_time_from_ms(shared_->told_ms.load(std::memory_order_relaxed));
    clock_.update(std::max(shared_->clock.now(), told), shared_->loop.now());
    const std::optional<WallTime> held = clock_.held_since();
    shared_->following.store(!held, std::memory_order_relaxed);
    raise(shared_->told_ms, to_ms(clock_.value()));
    if (held.has_value() == held_before.has_value()) {
        return;
    }
    if (held) {
        shared_->log.warn("clock.held", {{"store_ms", to_ms(clock_.value())},
                                         {"wall_ms", to_ms(shared_->clock.now())}});
    } else {
        shared_->log.info("clock.followed", {{"store_ms", to_ms(clock_.value())}});
    }
}

void Writer::confirm_clock(Confirmed done) {
    if (fatal_ || draining_) {
        return done(unexpected(make_error(ErrorCode::server_error, "the store is closing")));
    }
    clock_.confirm(shared_->clock.now(), shared_->loop.now());
    shared_->log.info("clock.confirmed", {{"store_ms", to_ms(clock_.value())}});
    update_clock();
    confirmed_ = true;
    confirmations_.push_back(std::move(done));
    // Somebody waits: it is tried now, also soon after a refusal.
    housekeeping_after_ = {};
    schedule();
}

bool Writer::housekeeping_due() const {
    if (draining_) {
        return !put_to_rest_;
    }
    if (shared_->loop.now() < housekeeping_after_) {
        return false;
    }
    const WallTime now = clock_.value();
    return !clock_stored_ || confirmed_ || shared_->refusals.now() ||
           now - stored_clock_.time >= kClockWrittenIdle ||
           now - shared_->retention - stored_clock_.expired >= expire_every(shared_->retention);
}

void Writer::add_housekeeping(Flight& flight) {
    const WallTime now = clock_.value();
    // A check is answered by a commit: there is one, or there was one a moment ago and the disk has
    // not filled since.
    const bool unproven =
        !flight.checks.empty() &&
        (!committed_at_ || shared_->loop.now() - *committed_at_ > kCheckedWithin ||
         !shared_->table.has_room());
    const bool due = housekeeping_due() || unproven;
    Commit& commit = flight.batch->commit;
    if (!due && commit.empty()) {
        return;
    }
    put_to_rest_ = put_to_rest_ || draining_;
    sightings_.write(commit);
    if (!due && now - stored_clock_.time < kClockWritten) {
        return;
    }
    ClockRecord clock = stored_clock_;
    clock.time = now;
    clock.held_since = clock_.held_since();
    clock.expired = std::max(clock.expired, now - shared_->retention);
    const std::uint32_t day = day_of(now - shared_->retention - kBodiesKeptLonger);
    if (day > clock.bodies_day) {
        KeyRange range = bodies_before(day);
        commit.ranges.push_back({Space::bodies, std::move(range.from), std::move(range.to)});
        clock.bodies_day = day;
    }
    commit.puts.push_back({Space::state, clock_key(), encode(clock), {}});
    flight.clock = clock;
    flight.confirmations = std::exchange(confirmations_, {});
    // One that comes while this is under way is not in it.
    confirmed_ = false;
}

void Writer::answer_confirmations(Flight& flight, const std::optional<Error>& error) {
    confirmed_ = confirmed_ || (error && !flight.confirmations.empty());
    for (Confirmed& done : flight.confirmations) {
        done(error ? Result<void>(unexpected(*error)) : Result<void>());
    }
}

void Writer::adopt_clock(const ClockRecord& clock) {
    stored_clock_ = clock;
    clock_stored_ = true;
    // Only here, where no commit is under way: StoreShared::expired_ms.
    shared_->expired_ms.store(to_ms(clock.expired), std::memory_order_release);
    shared_->table.expire(Space::events, clock.expired);
    shared_->table.expire(Space::keys, clock.time - shared_->horizon);
}

}  // namespace parley::mailbox
