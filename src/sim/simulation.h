#pragma once

#include "sim/scenario.h"
#include "sim/trace.h"
#include "sim/verdict.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace parley::sim {

struct RunOptions {
    std::uint64_t seed = 1;
    std::uint64_t steps = 300;
    Theme theme = Theme::any;
    FaultSet faults = FaultSet::all;
    // Only this workload, by its name; empty: all of the scenario.
    std::string workload;
    Trace::Lines trace;
};

// What ran, and whether a rule was broken.
struct RunReport {
    std::uint64_t seed = 0;
    std::string scenario;
    std::optional<Verdict::Broken> broken;
    std::uint64_t messages = 0;   // given to send()
    std::uint64_t accepted = 0;   // (message, recipient) pairs durable on the server
    std::uint64_t callbacks = 0;  // incoming, sent, delivered and failed that apps were told
    std::uint64_t failed = 0;     // of these, failed
    std::uint64_t copies = 0;
    std::uint64_t repeated = 0;  // callbacks that came again after a crash of the app
    std::uint64_t sessions = 0;
    std::uint64_t frames = 0;
    std::map<std::string, std::uint64_t> faults;
    std::uint64_t fault_count = 0;
    Duration virtual_time{};
    Duration healing_time{};  // from the healing until all had arrived
    std::uint64_t events = 0;
    std::uint64_t hash = 0;
};

// One run of a seed: first safety with faults, then everything is healed and must arrive within a
// bounded virtual time.
RunReport run(const RunOptions& options);

// A report in lines for people.
std::string format(const RunReport& report);

}  // namespace parley::sim
