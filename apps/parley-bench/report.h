#pragma once

#include "histogram.h"
#include "settings.h"
#include "tally.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::bench {

// What a run measured, in the order of printing. Latencies in microseconds.
struct Report {
    struct Figure {
        std::string name;
        double value = 0;
        std::string unit;
    };
    std::vector<Figure> figures;
    std::vector<std::pair<std::string, Histogram>> latencies;
    std::vector<std::string> warnings;  // why the figures are not what they seem
    bool interrupted = false;

    void add(std::string name, double value, std::string unit) {
        figures.push_back({std::move(name), value, std::move(unit)});
    }
};

// What a step took, between two samples of the coordinator.
struct Span {
    std::string name;
    double seconds = 0;
    double counted_seconds = 0;  // of the window in which was counted
    double server_cpu = 0;       // seconds
    double own_cpu = 0;          // of all threads
    double busiest = 0;          // of the busiest thread
    double most_waited = 0;      // of a thread that was ready to run without a core
    double resident_kib = 0;
    double proportional_kib = 0;
    double resident_kib_before = 0;
    double proportional_kib_before = 0;
};

struct Outcome {
    std::vector<Span> spans;  // of the steps that were begun
    Tally tally;
    bool interrupted = false;

    // Null: it was not come to.
    const Span* span(std::string_view name) const {
        const auto at = std::find_if(spans.begin(), spans.end(),
                                     [&](const Span& one) { return one.name == name; });
        return at == spans.end() ? nullptr : &*at;
    }
};

// The blocks that reports are made of. Rates: one name for each stage that the workload has.
void add_rates(Report& report, const Span& span, const Tally& tally,
               const std::vector<std::string>& names);
// CPU shares, CPU per 1,000 messages and memory; names begin with `prefix`.
void add_costs(Report& report, const Settings& settings, const Span& span, double messages,
               const std::string& prefix);
// A warning, if so many connections at once from so many addresses (0: the system's choice, one)
// are so many that the generator pays for finding a free port.
void add_ports(Report& report, std::size_t connections, std::size_t addresses);
// Latencies, and what is missing.
void add_stages(Report& report, const Tally& tally, const std::vector<std::string>& names);

std::string as_table(const Settings& settings, const Report& report);
std::string as_json(const Settings& settings, const Report& report);

}  // namespace parley::bench
