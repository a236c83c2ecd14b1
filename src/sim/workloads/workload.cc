#include "sim/workloads/workload.h"

#include "sim/workloads/presence.h"
#include "sim/workloads/talk.h"

#include <utility>

namespace parley::sim {

std::vector<WeightedWorkload> make_workloads(const Scenario& scenario) {
    const Scenario::Weights& weights = scenario.weights;
    std::vector<WeightedWorkload> workloads;
    const auto add = [&workloads](std::uint32_t weight, std::unique_ptr<Workload> workload) {
        if (weight > 0) {
            workloads.push_back({weight, std::move(workload)});
        }
    };
    add(weights.chat, make_chat());
    add(weights.group, make_group());
    add(weights.burst, make_burst());
    add(weights.away, make_away());
    add(weights.late_device, make_late_device());
    add(weights.copy, make_copy());
    add(weights.cancel, make_cancel());
    add(weights.rest, make_rest());
    add(weights.week, make_week());
    return workloads;
}

}  // namespace parley::sim
