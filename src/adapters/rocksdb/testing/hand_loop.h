#pragma once

#include "io/clock.h"
#include "io/loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace parley::rocksdb {

// A Loop for tests with an engine that has threads of its own: tasks are posted from any thread and
// run on the one that calls run_while(); time stands still until advance(). It waits for posts,
// never for time.
class HandLoop final : public io::Loop {
  public:
    HandLoop() = default;
    HandLoop(const HandLoop&) = delete;
    HandLoop& operator=(const HandLoop&) = delete;
    ~HandLoop() override {
        posted_.clear();
        at_end_.clear();
        const auto timers = std::exchange(timers_, {});
        when_of_.clear();
    }

    Instant now() const override { return Instant(Duration(now_us_.load())); }
    io::Timer call_at(Instant when, Task task) override {
        const std::uint64_t id = next_id_++;
        timers_.emplace(std::pair(when, id), std::move(task));
        when_of_.emplace(id, when);
        return io::Timer(*this, id);
    }
    void post(Task task) override {
        {
            const std::lock_guard lock(mutex_);
            posted_.push_back(std::move(task));
        }
        changed_.notify_one();
    }
    void at_turn_end(Task task) override { at_end_.push_back(std::move(task)); }

    // Runs turns while the condition holds, waiting for posts in between. False: nothing came for
    // `patience`.
    template <typename Condition>
    bool run_while(Condition condition,
                   std::chrono::milliseconds patience = std::chrono::seconds(20)) {
        while (condition()) {
            if (!run_turn() && !wait(patience)) {
                return false;
            }
        }
        return true;
    }
    // Everything that is ready now.
    void run_ready() {
        while (run_turn()) {
        }
    }
    void advance(Duration span) { now_us_ += span.count(); }

  private:
    using Key = std::pair<Instant, std::uint64_t>;

    bool run_turn() {
        std::deque<Task> turn;
        {
            const std::lock_guard lock(mutex_);
            turn.swap(posted_);
        }
        while (!timers_.empty() && timers_.begin()->first.first <= now()) {
            auto first = timers_.extract(timers_.begin());
            when_of_.erase(first.key().second);
            turn.push_front(std::move(first.mapped()));
        }
        if (turn.empty() && at_end_.empty()) {
            return false;
        }
        for (Task& task : turn) {
            task();
        }
        while (!at_end_.empty()) {
            Task task = std::move(at_end_.front());
            at_end_.pop_front();
            task();
        }
        return true;
    }
    bool wait(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [this] { return !posted_.empty(); });
    }
    void cancel(std::uint64_t timer) noexcept override {
        const auto found = when_of_.find(timer);
        if (found != when_of_.end()) {
            const auto node = timers_.extract(Key{found->second, timer});
            when_of_.erase(found);
        }
    }

    std::mutex mutex_;  // guards posted_; nothing is called while it is held
    std::condition_variable changed_;
    std::deque<Task> posted_;
    std::deque<Task> at_end_;
    std::atomic<std::int64_t> now_us_ = 3'600'000'000;
    std::uint64_t next_id_ = 1;
    std::map<Key, Task> timers_;
    std::map<std::uint64_t, Instant> when_of_;
};

// Calendar time that runs with a HandLoop.
class HandClock final : public io::WallClock {
  public:
    explicit HandClock(const HandLoop& loop) : loop_(loop) {}
    WallTime now() const override { return wall_time_from_ms(now_us() / 1000); }
    std::int64_t now_us() const override {
        return 1'735'689'600'000'000 + loop_.now().time_since_epoch().count();
    }

  private:
    const HandLoop& loop_;
};

}  // namespace parley::rocksdb
