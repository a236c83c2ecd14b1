#pragma once

#include "base/limits.h"
#include "base/random.h"
#include "base/time.h"

namespace parley::protocol {

// How long to wait before the next connection attempt (R9): exponential with full jitter,
// kBackoffFirst to kBackoffMost.
class Backoff {
  public:
    explicit Backoff(std::uint64_t seed) : random_(seed) {}
    // The next wait, each longer than the one before on average.
    Duration next();
    // A session was opened, or the network came back: start over.
    void reset() { attempt_ = 0; }

  private:
    Random random_;
    int attempt_ = 0;
};

}  // namespace parley::protocol
