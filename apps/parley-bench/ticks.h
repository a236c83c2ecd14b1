#pragma once

#include <cstdint>
#include <ctime>

namespace parley::bench {

// Monotonic time in nanoseconds since some start, and spans of it.
using Nanos = std::int64_t;

inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kForever = INT64_MAX;

inline Nanos nanos_of(const timespec& time) {
    return time.tv_sec * kSecond + time.tv_nsec;
}
inline timespec timespec_of(Nanos nanos) {
    return {nanos / kSecond, nanos % kSecond};
}
inline Nanos read_clock(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return nanos_of(time);
}
inline Nanos ticks() {
    return read_clock(CLOCK_MONOTONIC);
}
inline std::uint64_t unix_ms() {
    return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME) / 1'000'000);
}

}  // namespace parley::bench
