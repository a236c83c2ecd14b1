#include "adapters/asio/clock.h"

#include <ctime>

namespace parley::asio {

std::int64_t SystemWallClock::now_us() const {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

WallTime SystemWallClock::now() const {
    return wall_time_from_ms(now_us() / 1000);
}

}  // namespace parley::asio
