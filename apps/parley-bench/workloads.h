#pragma once

#include "report.h"
#include "settings.h"
#include "shard.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::bench {

// A step that all threads take together. A timed one is measured for the time that was asked for,
// after the warm-up; another until all threads are done with it.
struct Step {
    std::string name;
    bool timed = false;
};

// A workload: its steps, and how the threads and the report are made. The last step is what it is
// about.
struct Plan {
    std::vector<Step> steps;
    std::size_t connections = 0;  // at once, over all threads
    double warmup = 0;            // of its timed step, in seconds
    std::function<std::unique_ptr<Shard>(const Shard::Place& place)> make;
    std::function<void(const Settings& settings, const Outcome& outcome, Report& report)> report;
};

Plan plan_pairs(const Settings& settings);

}  // namespace parley::bench
