#pragma once

#include "base/time.h"

namespace parley::io {

// Calendar time; it may jump. Safe from any thread.
class WallClock {
  public:
    virtual ~WallClock() = default;
    virtual WallTime now() const = 0;
    // The same in microseconds since 1970, for sequences.
    virtual std::int64_t now_us() const = 0;
};

}  // namespace parley::io
