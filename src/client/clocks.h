#pragma once

#include "base/time.h"
#include "client/local_store.h"
#include "io/clock.h"
#include "io/loop.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace parley::client {

// The two clocks that the rules are measured by. Elapsed time only grows: monotonic while the
// process runs, the wall clock's difference (never negative) over restarts (R9). The server's time
// is elapsed time plus an offset that each Welcome sets.
class Clocks {
  public:
    Clocks(const io::Loop& loop, const io::WallClock& wall) : loop_(loop), wall_(wall) {}

    void restore(const StoreFacts& facts) {
        began_ = loop_.now();
        elapsed_ms_ = facts.elapsed_ms + std::max<std::int64_t>(0, wall_ms() - facts.wall_ms);
        server_offset_ms_ = facts.server_offset_ms;
    }
    // A server said what time it is.
    void confirm(std::int64_t server_ms) {
        server_offset_ms_ = server_ms - elapsed_ms();
        confirmed_ = true;
    }

    std::int64_t elapsed_ms() const {
        const Duration run = loop_.now() - began_;
        return elapsed_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(run).count();
    }
    std::int64_t wall_ms() const { return to_ms(wall_.now()); }
    std::optional<std::int64_t> server_ms() const {
        return server_offset_ms_ ? std::optional(elapsed_ms() + *server_offset_ms_) : std::nullopt;
    }
    // True: the server's time was heard in this run, and does not rest on the wall clock.
    bool confirmed() const { return confirmed_; }
    // The moment at which elapsed_ms() reaches a value.
    Instant when_elapsed(std::int64_t elapsed) const {
        return loop_.now() + std::chrono::milliseconds(elapsed - elapsed_ms());
    }
    StoreClock now() const { return {elapsed_ms(), wall_ms(), server_ms()}; }

  private:
    const io::Loop& loop_;
    const io::WallClock& wall_;
    Instant began_{};
    std::int64_t elapsed_ms_ = 0;
    std::optional<std::int64_t> server_offset_ms_;
    bool confirmed_ = false;
};

}  // namespace parley::client
