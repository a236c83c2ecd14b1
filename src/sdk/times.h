#pragma once

#include "base/time.h"

#include <chrono>

namespace parley::sdk {

// Our calendar time as the public API shows it.
inline std::chrono::system_clock::time_point to_system(WallTime time) {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(time.time_since_epoch()));
}

}  // namespace parley::sdk
