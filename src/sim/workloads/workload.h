#pragma once

#include "sim/world.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace parley::sim {

// Something that people do. Each step is one of it; how often is the scenario's business.
class Workload {
  public:
    virtual ~Workload() = default;
    virtual std::string_view name() const = 0;
    // Returns how long nobody does anything else afterwards.
    virtual Duration step(World& world) = 0;
};

struct WeightedWorkload {
    std::uint32_t weight;
    std::unique_ptr<Workload> workload;
};

// All there are, with the weights of the scenario; those that weigh nothing are left out.
std::vector<WeightedWorkload> make_workloads(const Scenario& scenario);

}  // namespace parley::sim
