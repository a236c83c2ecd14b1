#include "mailbox/guarded_clock.h"

#include <algorithm>

namespace parley::mailbox {
namespace {

constexpr auto kLeap = std::chrono::hours(24);

}  // namespace

GuardedClock::GuardedClock(std::optional<WallTime> stored, std::optional<WallTime> held_since,
                           WallTime wall, Instant now)
    : value_(stored.value_or(std::max(wall, WallTime()))), held_since_(held_since), then_(now) {
    // Time spent without a process counts as none: a leap cannot be told from a long rest.
    update(wall, now);
}

WallTime GuardedClock::update(WallTime wall, Instant now) {
    const Duration passed = std::max(now - then_, Duration()) + remainder_;
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(passed);
    const WallTime running = value_ + whole;
    then_ = std::max(then_, now);
    remainder_ = passed - whole;
    if (wall > running + kLeap) {
        if (!held_since_) {
            held_since_ = value_;
        }
        value_ = running;
        if (value_ - *held_since_ < kLeap) {
            return value_;
        }
    }
    // Never backwards: where the wall clock is behind, the value stands.
    value_ = std::max(value_, wall);
    held_since_.reset();
    return value_;
}

WallTime GuardedClock::confirm(WallTime wall, Instant now) {
    update(wall, now);
    value_ = std::max(value_, wall);
    held_since_.reset();
    return value_;
}

}  // namespace parley::mailbox
