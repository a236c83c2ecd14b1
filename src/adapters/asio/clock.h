#pragma once

#include "io/clock.h"

namespace parley::asio {

// The system's calendar time. Any thread.
class SystemWallClock final : public io::WallClock {
  public:
    WallTime now() const override;
    std::int64_t now_us() const override;
};

}  // namespace parley::asio
