#pragma once

#include "histogram.h"
#include "ticks.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace parley::bench {

// The stages of a message: its SubmitResult came, its `incoming` came, its receipt came.
enum Stage : std::uint8_t { kSent, kDelivered, kReceipted };
inline constexpr std::size_t kStages = 3;

// What one thread measured, and then all of them.
struct Tally {
    struct Line {
        Histogram latency;          // of what was due within the window
        std::uint64_t counted = 0;  // what happened within the window
        std::uint64_t missing = 0;  // due within the window, and never came
    };
    std::array<Line, kStages> lines;
    Histogram late;  // how long after they were due it came to send messages (OpenLoop::send_due)

    void add(const Tally& other) {
        for (std::size_t i = 0; i < kStages; ++i) {
            lines[i].latency.add(other.lines[i].latency);
            lines[i].counted += other.lines[i].counted;
            lines[i].missing += other.lines[i].missing;
        }
        late.add(other.late);
    }
};

// The span in which it counts, in ticks(); the coordinator writes it, the threads read it.
struct Window {
    std::atomic<Nanos> from{kForever};
    std::atomic<Nanos> until{kForever};

    bool holds(Nanos moment) const {
        return moment >= from.load(std::memory_order_relaxed) &&
               moment < until.load(std::memory_order_relaxed);
    }
};

}  // namespace parley::bench
