#pragma once

#include "base/time.h"
#include "io/clock.h"
#include "io/loop.h"

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

// Time that stands still until a test moves it. One thread; everything that happens is decided by
// the calls made, so a test that passes once passes always.
namespace parley::io {

// A Loop on virtual time. Nothing runs by itself: the test calls run_turn(), run_ready(), advance()
// or run_while(). Timers of one instant run in the order of their call_at(), before what was
// posted.
class ManualLoop final : public Loop {
  public:
    explicit ManualLoop(Instant start = Instant(std::chrono::hours(1)))
        : now_(start), start_(start) {}
    ManualLoop(const ManualLoop&) = delete;
    ManualLoop& operator=(const ManualLoop&) = delete;
    ~ManualLoop() override { drop_pending(); }

    Instant now() const override { return now_; }
    Instant start() const { return start_; }

    Timer call_at(Instant when, Task task) override {
        const std::uint64_t id = next_id_++;
        timers_.emplace(Key{when, id}, std::move(task));
        when_of_.emplace(id, when);
        return Timer(*this, id);
    }
    void post(Task task) override { posted_.push_back(std::move(task)); }
    void at_turn_end(Task task) override { at_end_.push_back(std::move(task)); }

    // One turn: the timers that are due, then what had been posted when it began, then the ends of
    // the turn. Time does not move. False: there was nothing to do.
    bool run_turn() {
        if (idle()) {
            return false;
        }
        std::deque<Task> posted = std::exchange(posted_, {});
        const std::uint64_t id_end = next_id_;
        while (!timers_.empty()) {
            const auto first = timers_.begin();
            if (first->first.first > now_ || first->first.second >= id_end) {
                break;
            }
            Task task = std::move(first->second);
            when_of_.erase(first->first.second);
            timers_.erase(first);
            task();
        }
        while (!posted.empty()) {
            Task task = std::move(posted.front());
            posted.pop_front();
            task();
        }
        while (!at_end_.empty()) {
            Task task = std::move(at_end_.front());
            at_end_.pop_front();
            task();
        }
        return true;
    }

    // Turns until nothing is left to do at this instant; how many. Gives up (returns `most`) where
    // code posts for ever.
    std::size_t run_ready(std::size_t most = 1'000'000) {
        std::size_t turns = 0;
        while (turns < most && run_turn()) {
            ++turns;
        }
        return turns;
    }

    // Moves time to `when`, stopping at each timer on the way.
    void run_until(Instant when) {
        run_ready();
        while (!timers_.empty() && timers_.begin()->first.first <= when) {
            now_ = std::max(now_, timers_.begin()->first.first);
            run_ready();
        }
        now_ = std::max(now_, when);
    }
    void advance(Duration span) { run_until(now_ + span); }
    // From within a task: what it does takes so long that no timer meanwhile is in time.
    void stall(Duration span) { now_ += span; }

    // Runs, moving time as far as needed but not over `within`, while `condition` holds. True: it
    // holds no longer.
    template <typename Condition>
    bool run_while(Condition condition, Duration within = std::chrono::hours(1)) {
        const Instant end = now_ + within;
        while (condition()) {
            if (run_turn()) {
                continue;
            }
            if (timers_.empty() || timers_.begin()->first.first > end) {
                return false;
            }
            now_ = std::max(now_, timers_.begin()->first.first);
        }
        return true;
    }

    bool idle() const {
        return posted_.empty() && at_end_.empty() &&
               (timers_.empty() || timers_.begin()->first.first > now_);
    }
    std::optional<Instant> next_timer() const {
        return timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first.first);
    }
    std::size_t pending_timers() const { return timers_.size(); }
    // What a stopped loop does with its tasks: they are destroyed without being run.
    void drop_pending() {
        while (!posted_.empty() || !at_end_.empty() || !timers_.empty()) {
            const auto posted = std::exchange(posted_, {});
            const auto at_end = std::exchange(at_end_, {});
            const auto timers = std::exchange(timers_, {});
            when_of_.clear();
        }
    }

  private:
    using Key = std::pair<Instant, std::uint64_t>;

    void cancel(std::uint64_t timer) noexcept override {
        const auto found = when_of_.find(timer);
        if (found == when_of_.end()) {
            return;
        }
        // Taken out first: destroying the task may cancel other timers.
        auto node = timers_.extract(Key{found->second, timer});
        when_of_.erase(found);
    }

    Instant now_;
    Instant start_;
    std::uint64_t next_id_ = 1;
    std::map<Key, Task> timers_;
    std::map<std::uint64_t, Instant> when_of_;
    std::deque<Task> posted_;
    std::deque<Task> at_end_;
};

// Moves several loops through the same time, each turn in the order given, until nothing is left to
// do at the end.
inline void advance_together(std::initializer_list<ManualLoop*> loops, Duration span) {
    Instant end{};
    for (const ManualLoop* loop : loops) {
        end = std::max(end, loop->now() + span);
    }
    while (true) {
        bool ran = false;
        for (ManualLoop* loop : loops) {
            ran = loop->run_turn() || ran;
        }
        if (ran) {
            continue;
        }
        Instant next = end;
        for (const ManualLoop* loop : loops) {
            next = std::min(next, loop->next_timer().value_or(end));
        }
        bool moved = false;
        for (ManualLoop* loop : loops) {
            moved = moved || loop->now() < next;
            loop->run_until(next);
        }
        if (!moved) {
            return;
        }
    }
}

// Calendar time that runs with a ManualLoop and jumps when told to.
class ManualWallClock final : public WallClock {
  public:
    // 2025-01-01T00:00:00Z, where a test does not care.
    static constexpr std::int64_t kStartMs = 1'735'689'600'000;

    explicit ManualWallClock(const ManualLoop& loop, WallTime start = wall_time_from_ms(kStartMs))
        : loop_(loop), origin_us_(to_ms(start) * 1000 - loop.now().time_since_epoch().count()) {}

    WallTime now() const override {
        const std::int64_t us = now_us();
        return wall_time_from_ms(us >= 0 ? us / 1000 : (us - 999) / 1000);
    }
    std::int64_t now_us() const override {
        return origin_us_ + loop_.now().time_since_epoch().count();
    }

    // Forwards or, if negative, backwards, from one moment to the next.
    void jump(Duration span) { origin_us_ += span.count(); }
    void set(WallTime time) {
        origin_us_ = to_ms(time) * 1000 - loop_.now().time_since_epoch().count();
    }

  private:
    const ManualLoop& loop_;
    std::int64_t origin_us_;
};

}  // namespace parley::io
