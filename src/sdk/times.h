#pragma once

#include "base/time.h"

#include <algorithm>
#include <chrono>

namespace parley::sdk {

// Our calendar time as the public API shows it: as near as its calendar, which ends in 2262, comes
// to what a server or a token says.
inline std::chrono::system_clock::time_point to_system(WallTime time) {
    using Shown = std::chrono::system_clock::duration;
    using Ours = WallTime::duration;
    const Ours kept =
        std::clamp(time.time_since_epoch(), std::chrono::duration_cast<Ours>(Shown::min()),
                   std::chrono::duration_cast<Ours>(Shown::max()));
    return std::chrono::system_clock::time_point(std::chrono::duration_cast<Shown>(kept));
}

}  // namespace parley::sdk
