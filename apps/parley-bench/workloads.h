#pragma once

#include "process.h"
#include "report.h"
#include "settings.h"
#include "shard.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::bench {

// A workload: its steps, and how the threads and the report are made. The last step is what it is
// about.
struct Plan {
    std::vector<Step> steps;
    std::size_t connections = 0;  // at once, over all threads
    double warmup = 0;            // of its timed step, in seconds
    ProcessUse::Memory memory = ProcessUse::Memory::resident;
    std::vector<std::string> stages;  // what its counts are called, in the order of Stage
    std::function<std::unique_ptr<Shard>(const Shard::Place& place)> make;
    std::function<void(const Settings& settings, const Outcome& outcome, Report& report)> report;
};

Plan plan_pairs(const Settings& settings);
Plan plan_offline(const Settings& settings);
Plan plan_idle(const Settings& settings);
Plan plan_fanout(const Settings& settings);
Plan plan_storm(const Settings& settings);

}  // namespace parley::bench
