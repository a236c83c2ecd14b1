#pragma once

#include "sim/checkers/journal.h"
#include "sim/checkers/truth.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace parley::sim {

// What must hold when everything was healed and had its time: all that was accepted has arrived
// everywhere, every receipt too, and nothing waits any more.
class EndChecker {
  public:
    struct World {
        std::function<WallTime()> store_time;
        // True while this device runs with messaging and has caught up at least once since the
        // healing.
        std::function<bool(const DeviceTag&)> takes_part;
        Duration retention{};
        Duration retry_window{};
        std::function<Duration()> now;
    };

    EndChecker(const Truth& truth, const Journal& journal, World world)
        : truth_(truth), journal_(journal), world_(std::move(world)) {}

    // The first thing that is missing, with the rule it belongs to; nothing: all is there.
    std::optional<Verdict::Broken> missing() const;
    // What time does not cure: the order of messages (R6).
    std::optional<Verdict::Broken> out_of_order() const;

  private:
    using Missing = std::optional<Verdict::Broken>;
    Missing missing_at_recipients(const Truth::PairKey& pair, const Truth::Incoming& event) const;
    Missing missing_at_sender(const Truth::PairKey& pair, const Truth::Incoming& event) const;
    Missing missing_on_origin(const Truth::PairKey& pair, const Truth::Incoming& event,
                              bool delivered) const;
    Missing unanswered() const;
    std::int64_t kept_ms() const;
    bool too_old(const Truth::Incoming& event) const;

    const Truth& truth_;
    const Journal& journal_;
    World world_;
};

}  // namespace parley::sim
