#pragma once

#include "base/task.h"
#include "base/time.h"

#include <cstdint>
#include <utility>

namespace parley::io {

class Loop;

// A pending call_at(). Destroying or resetting it on its loop cancels the call; the loop outlives
// it.
class Timer {
  public:
    Timer() = default;
    Timer(Loop& loop, std::uint64_t id) : loop_(&loop), id_(id) {}
    Timer(Timer&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}
    Timer& operator=(Timer&& other) noexcept {
        if (this != &other) {
            reset();
            loop_ = std::exchange(other.loop_, nullptr);
            id_ = other.id_;
        }
        return *this;
    }
    ~Timer() { reset(); }
    void reset() noexcept;
    // True from call_at() until reset(), also after the call was made.
    bool armed() const noexcept { return loop_ != nullptr; }

  private:
    Loop* loop_ = nullptr;
    std::uint64_t id_ = 0;
};

// One thread's turn-taking: everything that belongs to a loop is touched only from its tasks, so it
// needs no lock. The real one waits for sockets, the simulated one moves a virtual clock. Outlives
// all that was made on it.
class Loop {
  public:
    virtual ~Loop() = default;

    // Monotonic, suspend included, and constant within a turn.
    virtual Instant now() const = 0;
    // Runs the task in the first turn at or after `when`, unless the handle goes first. On this
    // loop's thread only.
    [[nodiscard]] virtual Timer call_at(Instant when, Task task) = 0;
    // Runs the task in a later turn of this loop, in the order of posting for one poster. The only
    // call that any thread may make. Tasks that a stopped loop still holds are destroyed without
    // being run.
    virtual void post(Task task) = 0;
    // Runs the task at the end of the current turn, before the loop waits again: where all that a
    // turn produced is sent. On this loop's thread only.
    virtual void at_turn_end(Task task) = 0;

  private:
    friend class Timer;
    virtual void cancel(std::uint64_t timer) noexcept = 0;
};

inline void Timer::reset() noexcept {
    if (loop_ != nullptr) {
        std::exchange(loop_, nullptr)->cancel(id_);
    }
}

}  // namespace parley::io
