#pragma once

#include "base/time.h"

#include <atomic>
#include <cstdint>

namespace parley::server {

// How fast a token bucket fills, and how much it holds: the same for all of them.
struct RateLimit {
    // `per_second` of 0: no limit.
    RateLimit(std::uint32_t per_second, std::uint32_t burst)
        : interval_ns(per_second == 0 ? 0 : std::int64_t{1'000'000'000} / per_second),
          burst_ns(interval_ns * burst) {}

    std::int64_t interval_ns;
    std::int64_t burst_ns;
};

// A token bucket, shared by the sessions of a user on whichever loops they are (semantics.md,
// "Limits"). Never refuses: what is taken beyond the burst is a debt, and the taker waits until it
// is paid. Any thread.
class Rate {
  public:
    // Takes tokens and says how long to take no more.
    Duration take(const RateLimit& limit, Instant now, std::uint32_t tokens) {
        if (limit.interval_ns == 0) {
            return Duration::zero();
        }
        const std::int64_t now_ns = nanoseconds(now);
        // The instant at which the bucket is full again, a single number (the "generic cell rate
        // algorithm").
        std::int64_t full = full_at_ns_.load(std::memory_order_relaxed);
        std::int64_t next = 0;
        do {
            next = (full > now_ns ? full : now_ns) + limit.interval_ns * tokens;
        } while (!full_at_ns_.compare_exchange_weak(full, next, std::memory_order_relaxed));
        const std::int64_t debt = next - now_ns - limit.burst_ns;
        return debt <= 0 ? Duration::zero() : Duration(debt / 1000 + 1);
    }

    // When the bucket is full: from then on a new one would be the same.
    Instant full_at() const {
        return Instant(Duration(full_at_ns_.load(std::memory_order_relaxed) / 1000 + 1));
    }

  private:
    static std::int64_t nanoseconds(Instant at) { return at.time_since_epoch().count() * 1000; }

    std::atomic<std::int64_t> full_at_ns_{0};
};

}  // namespace parley::server
