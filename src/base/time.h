#pragma once

#include <chrono>
#include <cstdint>

namespace parley {

// Spans of time everywhere: `30s`, `500ms` with std::chrono_literals.
using Duration = std::chrono::microseconds;

// Marks time that never jumps: the time since some start, suspend included. Read through io::Loop
// only.
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;

// Marks calendar time in milliseconds since 1970 in UTC; it may jump. Read through io::WallClock
// only.
struct CalendarClock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<CalendarClock>;
    static constexpr bool is_steady = false;
};
using WallTime = CalendarClock::time_point;

constexpr std::int64_t to_ms(WallTime time) {
    return time.time_since_epoch().count();
}
constexpr WallTime wall_time_from_ms(std::int64_t ms) {
    return WallTime(std::chrono::milliseconds(ms));
}

}  // namespace parley
