#pragma once

#include "ticks.h"

#include <algorithm>
#include <cstdint>

namespace parley::bench {

// When the messages of an open loop are due: at a fixed interval, one sender after the other,
// whatever the server or the generator does meanwhile. Message n is due at due(n), and belongs to
// sender n % senders. A latency that counts from there omits no wait (Gil Tene, "How NOT to Measure
// Latency"): not the one behind a full window, and not the generator's own delay.
class Schedule {
  public:
    Schedule(Nanos begin, double per_second) : begin_(begin), interval_(1e9 / per_second) {}

    Nanos due(std::uint64_t n) const {
        return begin_ + static_cast<Nanos>(interval_ * static_cast<double>(n));
    }
    // How many are due before this moment.
    std::uint64_t due_before(Nanos moment) const {
        if (moment <= begin_) {
            return 0;
        }
        auto n = static_cast<std::uint64_t>(static_cast<double>(moment - begin_) / interval_);
        for (; n > 0 && due(n - 1) >= moment; --n) {
        }
        for (; due(n) < moment; ++n) {
        }
        return n;
    }

  private:
    Nanos begin_;
    double interval_;
};

}  // namespace parley::bench
