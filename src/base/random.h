#pragma once

#include <cstdint>
#include <string>

namespace parley {

// A small, fast generator (xoshiro256**, Blackman and Vigna) that its owner seeds: the same seed
// gives the same numbers on every platform. Not for secrets: those come from io::Entropy. One
// thread.
class Random {
  public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
    // Uniform in [0, 1).
    double unit();
    // True with this probability.
    bool chance(double probability);

  private:
    std::uint64_t state_[4];
};

// A UUIDv7 (RFC 9562): the time in milliseconds, then random bits; within a millisecond of one
// generator ids increase.
class UuidV7 {
  public:
    explicit UuidV7(std::uint64_t seed) : random_(seed) {}
    // 36 characters, lower case. A time below the last one given counts as the last one.
    std::string make(std::int64_t unix_ms);

  private:
    Random random_;
    std::int64_t last_ms_ = 0;
    std::uint32_t counter_ = 0;
};

}  // namespace parley
