#include "sim/simulation.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <system_error>

// The simulator's command line (docs/internals/simulator.md). Its own clock is read for the last
// line alone.
namespace parley::sim {
namespace {

const std::map<std::string, Theme> kThemes = {{"any", Theme::any},
                                              {"plain", Theme::plain},
                                              {"narrow", Theme::narrow},
                                              {"brief", Theme::brief},
                                              {"absence", Theme::absence}};
const std::map<std::string, FaultSet> kFaultSets = {
    {"all", FaultSet::all},         {"none", FaultSet::none}, {"network", FaultSet::network},
    {"process", FaultSet::process}, {"disk", FaultSet::disk}, {"clock", FaultSet::clock},
    {"restore", FaultSet::restore}};

struct Totals {
    std::uint64_t runs = 0;
    std::uint64_t messages = 0;
    std::uint64_t accepted = 0;
    std::uint64_t callbacks = 0;
    std::uint64_t faults = 0;
    Duration virtual_time{};

    void add(const RunReport& report) {
        ++runs;
        messages += report.messages;
        accepted += report.accepted;
        callbacks += report.callbacks;
        faults += report.fault_count;
        virtual_time += report.virtual_time;
    }
};

struct Names {
    std::string theme = "any";
    std::string faults = "all";
};

void print_failure(const RunReport& report, const RunOptions& options, const Names& names) {
    fmt::print("\nFAILED seed {}: {} is broken: {}\n", report.seed, report.broken->rule,
               report.broken->what);
    fmt::print("see it again: parley-sim --seed {} --steps {}{}{}{} --trace\n", report.seed,
               options.steps, names.theme == "any" ? "" : " --theme " + names.theme,
               names.faults == "all" ? "" : " --faults " + names.faults,
               options.workload.empty() ? "" : " --workload " + options.workload);
}

int run_all(RunOptions options, std::uint64_t runs, bool quiet, const Names& names) {
    const auto started = std::chrono::steady_clock::now();
    Totals totals;
    bool broken = false;
    for (std::uint64_t i = 0; i < runs && !broken; ++i, ++options.seed) {
        const RunReport report = run(options);
        totals.add(report);
        broken = report.broken.has_value();
        if (!quiet || broken) {
            fmt::print("{}", format(report));
        }
        if (broken) {
            print_failure(report, options, names);
        }
        std::fflush(stdout);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    fmt::print("{} runs: {} messages, {} accepted, {} callbacks, {} faults, virtual time {}\n",
               totals.runs, totals.messages, totals.accepted, totals.callbacks, totals.faults,
               format_time(totals.virtual_time));
    if (!broken) {
        fmt::print("all rules held\n");
    }
    // To standard error: what goes to standard output is a function of the seed.
    fmt::print(stderr, "took {:.1f} s\n", took.count());
    return broken ? 1 : 0;
}

// A whole number in [least, 2^64): CLI11 alone would wrap "-1" and cut what is too long.
CLI::Validator whole_number(std::uint64_t least) {
    return CLI::Validator(
        [least](const std::string& text) {
            std::uint64_t value = 0;
            const char* end = text.data() + text.size();
            const auto [stopped, error] = std::from_chars(text.data(), end, value);
            const bool fits = error == std::errc() && stopped == end && value >= least;
            return fits ? std::string()
                        : fmt::format("wants a whole number from {} to 2^64 - 1, found '{}'", least,
                                      text);
        },
        "N");
}

// CLI11's own words, as one line.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

int main(int argc, char** argv) {
    CLI::App app{
        "Runs the real client and server logic on a virtual clock, network and disk, with faults. "
        "The same seed gives the same run, bit for bit."};
    app.set_version_flag("--version", "parley-sim " PARLEY_VERSION);
    RunOptions options;
    Names names;
    std::uint64_t runs = 1;
    bool trace = false;
    bool quiet = false;
    app.add_option("--seed", options.seed, "The first seed")
        ->check(whole_number(0))
        ->capture_default_str();
    app.add_option("--steps", options.steps, "Things that people do in one run")
        ->check(whole_number(1))
        ->capture_default_str();
    app.add_option("--runs", runs, "How many seeds, one after the other")
        ->check(whole_number(1))
        ->capture_default_str();
    app.add_option("--theme", names.theme, "Settings: any, plain, narrow, brief or absence")
        ->check(CLI::IsMember(kThemes))
        ->capture_default_str();
    app.add_option("--faults", names.faults, "all, none, network, process, disk, clock or restore")
        ->check(CLI::IsMember(kFaultSets))
        ->capture_default_str();
    app.add_option("--workload", options.workload,
                   "Only this: chat, group, burst, away, late_device, copy, cancel, rest or week")
        ->check(CLI::IsMember(
            {"chat", "group", "burst", "away", "late_device", "copy", "cancel", "rest", "week"}));
    app.add_flag("--trace", trace, "Print every event to standard error");
    app.add_flag("--quiet", quiet, "Print the sum of all runs, and failures");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);  // --help, --version
        }
        fmt::print(stderr, "parley-sim: {} (--help lists what there is)\n", one_line(error.what()));
        return 2;
    }
    options.theme = kThemes.at(names.theme);
    options.faults = kFaultSets.at(names.faults);
    if (trace) {
        options.trace = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    }
    return run_all(options, runs, quiet, names);
}

}  // namespace
}  // namespace parley::sim

int main(int argc, char** argv) {
    return parley::sim::main(argc, argv);
}
