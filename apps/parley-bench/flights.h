#pragma once

#include "ticks.h"

#include <cstdint>
#include <vector>

namespace parley::bench {

// The messages under way of one thread. A flight's tag goes over the wire in the message's id.
class Flights {
  public:
    struct Flight {
        Nanos due = 0;
        std::uint32_t owner = 0;
        std::uint32_t open = 0;  // deliveries that are to come
        std::uint32_t generation = 0;
        std::uint8_t seen = 0;  // the stages, as bits; kFree: no flight
    };
    static constexpr std::uint8_t kFree = 0xff;
    static constexpr std::uint64_t kSlotBits = 24;

    std::uint64_t take(Nanos due, std::uint32_t owner, std::uint32_t open) {
        if (free_.empty()) {
            free_.push_back(static_cast<std::uint32_t>(flights_.size()));
            flights_.push_back({.seen = kFree});
        }
        const std::uint32_t slot = free_.back();
        free_.pop_back();
        Flight& flight = flights_[slot];
        flight.due = due;
        flight.owner = owner;
        flight.open = open;
        flight.seen = 0;
        flight.generation = (flight.generation + 1) & 0xffffff;
        return std::uint64_t{flight.generation} << kSlotBits | slot;
    }
    // Null: it was released, or never taken.
    Flight* find(std::uint64_t tag) {
        const std::uint64_t slot = tag & ((std::uint64_t{1} << kSlotBits) - 1);
        if (slot >= flights_.size() || flights_[slot].seen == kFree ||
            flights_[slot].generation != tag >> kSlotBits) {
            return nullptr;
        }
        return &flights_[slot];
    }
    void release(std::uint64_t tag) {
        const auto slot = static_cast<std::uint32_t>(tag & ((std::uint64_t{1} << kSlotBits) - 1));
        flights_[slot].seen = kFree;
        free_.push_back(slot);
    }
    std::size_t under_way() const { return flights_.size() - free_.size(); }
    // f(flight) for each that is under way.
    template <typename F>
    void for_each(F f) const {
        for (const Flight& flight : flights_) {
            if (flight.seen != kFree) {
                f(flight);
            }
        }
    }

  private:
    std::vector<Flight> flights_;
    std::vector<std::uint32_t> free_;
};

}  // namespace parley::bench
