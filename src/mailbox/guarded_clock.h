#pragma once

#include "base/time.h"

#include <optional>

namespace parley::mailbox {

// The store's own time (R17): follows the wall clock, never goes backwards, and never leaps over 24
// h at once. After such a leap it is held: it runs on from its last value with the monotonic clock,
// until 24 h have passed by it, or the wall clock comes back within 24 h of it, or an operator
// confirms. Where the wall clock is behind, it stands until that has caught up. No clock of its
// own: it is told both times. The caller stores value() and held_since() and starts the next one
// from them.
class GuardedClock {
  public:
    // `stored`: the value of the process before; nothing: a new store, which believes the wall
    // clock.
    GuardedClock(std::optional<WallTime> stored, std::optional<WallTime> held_since, WallTime wall,
                 Instant now);

    // Call at least every few minutes; the value then.
    WallTime update(WallTime wall, Instant now);
    // The wall clock is right, says an operator: takes it if it is ahead.
    WallTime confirm(WallTime wall, Instant now);

    WallTime value() const { return value_; }
    // Set while the wall clock is not followed: the value at which that began.
    std::optional<WallTime> held_since() const { return held_since_; }

  private:
    WallTime value_;
    std::optional<WallTime> held_since_;
    Instant then_;          // when value_ was right
    Duration remainder_{};  // of monotonic time, below a millisecond
};

}  // namespace parley::mailbox
