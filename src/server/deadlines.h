#pragma once

#include "base/task.h"
#include "io/loop.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace parley::server {

// An instant or none, and no larger than an instant: every session has some.
class OptionalInstant {
  public:
    OptionalInstant& operator=(Instant when) {
        when_ = when;
        return *this;
    }
    bool has_value() const { return when_ != Instant::max(); }
    explicit operator bool() const { return has_value(); }
    Instant operator*() const { return when_; }
    void reset() { when_ = Instant::max(); }

  private:
    Instant when_ = Instant::max();
};

// When to look at which session again: one timer and sixteen bytes a session, for a loop that has
// very many of them. An entry cannot be taken back: its owner sees that it was called too early, or
// not at all (numbers are never used again).
class Deadlines {
  public:
    using Due = UniqueFunction<void(std::uint64_t number)>;
    Deadlines(io::Loop& loop, Due due) : loop_(loop), due_(std::move(due)) {}

    void add(Instant when, std::uint64_t number) {
        heap_.push_back({when, number});
        std::push_heap(heap_.begin(), heap_.end(), Later{});
        if (!timer_set_ || when < timer_at_) {
            arm();
        }
    }

  private:
    struct Entry {
        Instant when;
        std::uint64_t number;
    };
    struct Later {
        bool operator()(const Entry& a, const Entry& b) const {
            return std::pair(a.when, a.number) > std::pair(b.when, b.number);
        }
    };

    void arm() {
        timer_set_ = true;
        timer_at_ = heap_.front().when;
        timer_ = loop_.call_at(timer_at_, [this] { fire(); });
    }

    void fire() {
        timer_set_ = false;
        while (!heap_.empty() && heap_.front().when <= loop_.now()) {
            std::pop_heap(heap_.begin(), heap_.end(), Later{});
            const std::uint64_t number = heap_.back().number;
            heap_.pop_back();
            due_(number);
        }
        if (!heap_.empty() && !timer_set_) {
            arm();
        }
    }

    io::Loop& loop_;
    Due due_;
    std::vector<Entry> heap_;
    io::Timer timer_;
    bool timer_set_ = false;
    Instant timer_at_{};
};

// What one owner has in Deadlines: the two earliest of its entries. The second is there when
// something shorter (a rate hold) came before something longer (a ping), and serves again
// afterwards: who is held a hundred times a second must not leave a hundred entries behind.
class WakePlan {
  public:
    // True: an entry at this time is missing. False: an earlier one will see to it.
    bool plan(Instant when) {
        if (when >= first_) {
            return false;
        }
        second_ = std::exchange(first_, when);
        return true;
    }
    // An entry was called. False: not one that still means anything.
    bool take(Instant now) {
        if (first_ > now) {
            return false;
        }
        first_ = std::exchange(second_, Instant::max());
        return true;
    }

  private:
    Instant first_ = Instant::max();
    Instant second_ = Instant::max();
};

}  // namespace parley::server
