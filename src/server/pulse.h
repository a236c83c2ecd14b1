#pragma once

#include "base/metrics.h"
#include "io/loop.h"

namespace parley::server {

// Feels whether a loop turns, and how late it runs what is due. It beats by a timer of the loop
// several times a second; a loop that is kept busy by one thing (a reading or a commit that the
// disk does not answer, an endless loop of ours) misses beats, and what it does next is late by
// that much.
//
// Made before the loop runs or on it, destroyed on it or when it has stopped; the rest from any
// thread.
class Pulse {
  public:
    static constexpr Duration kEvery = std::chrono::milliseconds(250);
    // Without a beat for so long the loop is stuck: far above what any load leads to.
    static constexpr Duration kStuckAfter = std::chrono::seconds(10);

    explicit Pulse(io::Loop& loop);
    Pulse(const Pulse&) = delete;
    Pulse& operator=(const Pulse&) = delete;

    // Since the last beat. `now` is of a loop with the same clock.
    Duration age(Instant now) const;
    bool stuck(Instant now) const { return age(now) >= kStuckAfter; }
    // How late the beats came, in microseconds.
    const Histogram& lag() const { return lag_; }

  private:
    void arm();

    io::Loop& loop_;
    Tally beat_;  // the last one, as the count of its Instant
    Histogram lag_{kLatencyBounds};
    io::Timer timer_;
};

}  // namespace parley::server
