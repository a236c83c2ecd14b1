#pragma once

#include "base/task.h"
#include "base/time.h"

#include <cstdint>
#include <deque>
#include <queue>
#include <unordered_map>
#include <vector>

namespace parley::sim {

// Virtual time and all that is to happen in it, in one order: by time, then by who asked first. The
// loops of all nodes, the network, the disks and the faults draw from it, so a run is a function of
// its seed.
class Scheduler {
  public:
    // Since the start of the run.
    Duration now() const { return now_; }

    // Runs the task at `when` (now, if that is past). The id can be cancelled; cancelling what ran
    // has no effect.
    std::uint64_t at(Duration when, Task task);
    std::uint64_t after(Duration delay, Task task) { return at(now_ + delay, std::move(task)); }
    void cancel(std::uint64_t id);
    // Runs the task when the current one has returned, before anything else: where a node is taken
    // down that is on the stack.
    void next(Task task) { urgent_.push_back(std::move(task)); }

    // Runs what is due next. False: nothing is left.
    bool run_one();
    // The same, if it is due up to `when`; else moves time there. False: nothing was run.
    bool run_one_until(Duration when);
    // Runs all that is due up to `when`, and moves time there.
    void run_until(Duration when);
    // Drops all that is to come: at the end of a run, while what it refers to is still there.
    void clear();
    std::uint64_t events() const { return events_; }

  private:
    struct Due {
        Duration when;
        std::uint64_t id;
        bool operator<(const Due& other) const {
            return when != other.when ? when > other.when : id > other.id;
        }
    };
    void run_urgent();

    Duration now_{};
    std::uint64_t last_id_ = 0;
    std::uint64_t events_ = 0;
    std::priority_queue<Due> due_;
    std::unordered_map<std::uint64_t, Task> tasks_;
    std::deque<Task> urgent_;
};

}  // namespace parley::sim
