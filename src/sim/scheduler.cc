#include "sim/scheduler.h"

#include <utility>

namespace parley::sim {

std::uint64_t Scheduler::at(Duration when, Task task) {
    const std::uint64_t id = ++last_id_;
    due_.push({std::max(when, now_), id});
    tasks_.emplace(id, std::move(task));
    return id;
}

void Scheduler::cancel(std::uint64_t id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) {
        return;
    }
    // Destroying a task may cancel others.
    const Task task = std::move(found->second);
    tasks_.erase(found);
}

void Scheduler::run_urgent() {
    while (!urgent_.empty()) {
        Task task = std::move(urgent_.front());
        urgent_.pop_front();
        task();
    }
}

bool Scheduler::run_one() {
    run_urgent();
    while (!due_.empty()) {
        const Due due = due_.top();
        due_.pop();
        const auto found = tasks_.find(due.id);
        if (found == tasks_.end()) {
            continue;
        }
        Task task = std::move(found->second);
        tasks_.erase(found);
        now_ = due.when;
        ++events_;
        task();
        run_urgent();
        return true;
    }
    return false;
}

bool Scheduler::run_one_until(Duration when) {
    run_urgent();
    while (!due_.empty() && due_.top().when <= when) {
        if (!tasks_.contains(due_.top().id)) {
            due_.pop();  // Cancelled.
            continue;
        }
        return run_one();
    }
    now_ = std::max(now_, when);
    return false;
}

void Scheduler::run_until(Duration when) {
    while (run_one_until(when)) {
    }
}

void Scheduler::clear() {
    // What a task owns may schedule more while it goes.
    while (!tasks_.empty() || !urgent_.empty()) {
        const auto gone = std::exchange(tasks_, {});
        const auto urgent = std::exchange(urgent_, {});
    }
    due_ = {};
}

}  // namespace parley::sim
