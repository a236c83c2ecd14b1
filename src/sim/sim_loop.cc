#include "sim/sim_loop.h"

#include "base/assert.h"

#include <utility>

namespace parley::sim {
namespace {

// What a turn costs: enough that time passes, too little to matter.
constexpr Duration kTurnCost{5};
// A task posted from another loop is seen within this time: which of two loops is faster is never
// certain.
constexpr std::uint64_t kWakeJitterUs = 20;
constexpr std::int64_t kMillion = 1'000'000;
// A turn's end that produces more for the turn's end this often is a loop without end.
constexpr int kTurnEndRounds = 10'000;

}  // namespace

SimLoop::SimLoop(Scheduler& scheduler, ClockDrift drift, std::uint64_t seed)
    : scheduler_(scheduler), drift_(drift), random_(seed), started_(scheduler.now()) {}

SimLoop::~SimLoop() {
    shut_down();
}

Instant SimLoop::local_now() const {
    const Duration elapsed = scheduler_.now() - started_;
    // Each process counts from some start of its own.
    return Instant(std::chrono::hours(1) + elapsed +
                   Duration(elapsed.count() * drift_.ppm / kMillion));
}

Duration SimLoop::world_time_of(Instant when) const {
    const std::int64_t local = (when.time_since_epoch() - std::chrono::hours(1)).count();
    if (local <= 0) {
        return started_;
    }
    // Rounded up: a timer never runs before its time.
    const std::int64_t elapsed =
        local / (kMillion + drift_.ppm) * kMillion +
        (local % (kMillion + drift_.ppm)) * kMillion / (kMillion + drift_.ppm) + 2;
    return started_ + Duration(elapsed);
}

Instant SimLoop::now() const {
    return in_turn_ ? turn_now_ : local_now();
}

io::Timer SimLoop::call_at(Instant when, Task task) {
    const std::uint64_t id = ++last_timer_;
    if (!down_) {
        timers_.emplace(std::pair(when, id), std::move(task));
        timer_times_.emplace(id, when);
        if (!in_turn_) {
            wake_for_next();
        }
    }
    return {*this, id};
}

void SimLoop::cancel(std::uint64_t timer) noexcept {
    const auto found = timer_times_.find(timer);
    if (found == timer_times_.end()) {
        return;
    }
    const auto entry = timers_.find({found->second, timer});
    timer_times_.erase(found);
    // The task may own timers of this loop.
    const Task task = std::move(entry->second);
    timers_.erase(entry);
}

void SimLoop::post(Task task) {
    if (down_) {
        return;
    }
    posted_.push_back(std::move(task));
    if (!in_turn_) {
        wake_at(scheduler_.now() + Duration(1 + random_.below(kWakeJitterUs)));
    }
}

void SimLoop::at_turn_end(Task task) {
    if (down_) {
        return;
    }
    if (in_turn_) {
        turn_end_.push_back(std::move(task));
    } else {
        post(std::move(task));
    }
}

void SimLoop::wake_at(Duration when) {
    when = std::max(when, busy_until_);
    if (wake_id_ != 0) {
        if (wake_when_ <= when) {
            return;
        }
        scheduler_.cancel(wake_id_);
    }
    wake_when_ = when;
    wake_id_ = scheduler_.at(when, [this] { turn(); });
}

void SimLoop::wake_for_next() {
    if (!posted_.empty()) {
        wake_at(scheduler_.now() + kTurnCost);
    } else if (!timers_.empty()) {
        wake_at(world_time_of(timers_.begin()->first.first));
    }
}

void SimLoop::turn() {
    wake_id_ = 0;
    turn_now_ = local_now();
    in_turn_ = true;
    ++turns_;
    // Timers and tasks that are due now; what they add waits for a later turn.
    const std::uint64_t newest_timer = last_timer_;
    std::size_t waiting = posted_.size();
    while (!down_ && !timers_.empty() && timers_.begin()->first.first <= turn_now_ &&
           timers_.begin()->first.second <= newest_timer) {
        auto first = timers_.begin();
        const Task holder{};
        Task task = std::move(first->second);
        timer_times_.erase(first->first.second);
        timers_.erase(first);
        task();
    }
    while (!down_ && waiting-- > 0) {
        Task task = std::move(posted_.front());
        posted_.pop_front();
        task();
    }
    run_turn_end();
    in_turn_ = false;
    busy_until_ = scheduler_.now() + kTurnCost;
    if (!down_) {
        wake_for_next();
    }
}

void SimLoop::run_turn_end() {
    for (int round = 0; !down_ && !turn_end_.empty(); ++round) {
        PARLEY_ASSERT(round < kTurnEndRounds);
        Task task = std::move(turn_end_.front());
        turn_end_.pop_front();
        task();
    }
}

void SimLoop::shut_down() {
    down_ = true;
    if (wake_id_ != 0) {
        scheduler_.cancel(std::exchange(wake_id_, 0));
    }
    // What a task owns may post, cancel or drop other tasks while it goes.
    while (!posted_.empty()) {
        const Task task = std::move(posted_.front());
        posted_.pop_front();
    }
    while (!turn_end_.empty()) {
        const Task task = std::move(turn_end_.front());
        turn_end_.pop_front();
    }
    timer_times_.clear();
    while (!timers_.empty()) {
        const Task task = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
    }
}

WallTime SimWallClock::now() const {
    return wall_time_from_ms(now_us() / 1000);
}

std::int64_t SimWallClock::now_us() const {
    const std::int64_t world = scheduler_.now().count();
    return kWorldStartMs * 1000 + world + world * drift_.ppm / kMillion + offset_.count();
}

std::string SimEntropy::bytes(std::size_t count) {
    std::string result;
    while (result.size() < count) {
        const std::uint64_t word = random_.next();
        for (int shift = 0; shift < 64 && result.size() < count; shift += 8) {
            result.push_back(static_cast<char>(word >> shift));
        }
    }
    return result;
}

}  // namespace parley::sim
