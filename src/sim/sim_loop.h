#pragma once

#include "base/random.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/loop.h"
#include "sim/scheduler.h"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace parley::sim {

// How fast the clocks of a machine run against virtual time, in millionths.
struct ClockDrift {
    std::int64_t ppm = 0;
};

// The loop of one process, from its start to its end. Its turns are events of the scheduler; a turn
// takes virtual time, so that a loop that never rests makes time pass and is noticed.
class SimLoop final : public io::Loop {
  public:
    SimLoop(Scheduler& scheduler, ClockDrift drift, std::uint64_t seed);
    ~SimLoop() override;
    SimLoop(const SimLoop&) = delete;
    SimLoop& operator=(const SimLoop&) = delete;

    Instant now() const override;
    [[nodiscard]] io::Timer call_at(Instant when, Task task) override;
    void post(Task task) override;
    void at_turn_end(Task task) override;

    // Nothing runs any more, and what waits is destroyed; what is posted from now on is dropped.
    // For a process that ends: first its objects go, then its tasks, then the loop.
    void shut_down();
    // The turns so far.
    std::uint64_t turns() const { return turns_; }

  private:
    void cancel(std::uint64_t timer) noexcept override;
    Duration world_time_of(Instant when) const;
    Instant local_now() const;
    void wake_at(Duration when);
    void wake_for_next();
    void turn();
    void run_turn_end();

    Scheduler& scheduler_;
    ClockDrift drift_;
    Random random_;
    Duration started_;
    Instant turn_now_{};
    bool in_turn_ = false;
    bool down_ = false;
    Duration busy_until_{};
    std::uint64_t wake_id_ = 0;
    Duration wake_when_{};
    std::uint64_t last_timer_ = 0;
    std::uint64_t turns_ = 0;
    std::map<std::pair<Instant, std::uint64_t>, Task> timers_;
    std::unordered_map<std::uint64_t, Instant> timer_times_;
    std::deque<Task> posted_;
    std::deque<Task> turn_end_;
};

// A machine's calendar clock: follows virtual time with the machine's drift, and jumps when told
// to.
class SimWallClock final : public io::WallClock {
  public:
    SimWallClock(const Scheduler& scheduler, ClockDrift drift)
        : scheduler_(scheduler), drift_(drift) {}

    WallTime now() const override;
    std::int64_t now_us() const override;
    void jump(Duration by) { offset_ += by; }
    // Back to the right time.
    void correct() { offset_ = {}; }
    Duration offset() const { return offset_; }

  private:
    const Scheduler& scheduler_;
    ClockDrift drift_;
    Duration offset_{};
};

// When virtual time begins: 2026-01-05T00:00:00Z.
inline constexpr std::int64_t kWorldStartMs = 1'767'571'200'000;

class SimEntropy final : public io::Entropy {
  public:
    explicit SimEntropy(std::uint64_t seed) : random_(seed) {}
    std::string bytes(std::size_t count) override;

  private:
    Random random_;
};

}  // namespace parley::sim
