#include "protocol/backoff.h"

#include <algorithm>

namespace parley::protocol {

Duration Backoff::next() {
    constexpr int kDoublings = 7;  // 0.5 s to 64 s: the next one is above the most anyway
    const Duration ceiling =
        std::min<Duration>(kBackoffMost, Duration(kBackoffFirst) * (1 << attempt_));
    attempt_ = std::min(attempt_ + 1, kDoublings);
    // Full jitter: anywhere between nothing and the ceiling, so that clients that lost one server
    // do not come back in step.
    return Duration(
        static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(ceiling.count()) + 1)));
}

}  // namespace parley::protocol
