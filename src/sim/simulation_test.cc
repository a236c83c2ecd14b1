#include "sim/simulation.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace parley::sim {
namespace {

// Sizes for a build without optimisation: each test a few seconds.
constexpr std::uint64_t kSteps = 120;

RunReport play(std::uint64_t seed, Theme theme, FaultSet faults = FaultSet::all) {
    RunOptions options;
    options.seed = seed;
    options.steps = kSteps;
    options.theme = theme;
    options.faults = faults;
    return run(options);
}

void expect_holds(std::uint64_t seed, Theme theme, FaultSet faults = FaultSet::all) {
    const RunReport report = play(seed, theme, faults);
    EXPECT_FALSE(report.broken.has_value()) << format(report);
    EXPECT_GT(report.accepted, 0u) << format(report);
}

void expect_seeds(std::uint64_t first, std::uint64_t count, Theme theme) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        expect_holds(seed, theme);
    }
}

// ---- a fixed set

TEST(Simulation, EverythingArrivesWhenNothingGoesWrong) {
    for (const Theme theme : {Theme::plain, Theme::narrow, Theme::brief, Theme::absence}) {
        const RunReport report = play(1, theme, FaultSet::none);
        EXPECT_FALSE(report.broken.has_value()) << format(report);
        EXPECT_EQ(report.fault_count, 0u);
        EXPECT_EQ(report.repeated, 0u);  // R8: without a crash nothing comes again
    }
}

TEST(Simulation, RulesHoldWithTheShippedSettings) {
    expect_seeds(11, 6, Theme::plain);
}

TEST(Simulation, RulesHoldWithNarrowWindows) {
    expect_seeds(21, 6, Theme::narrow);
}

TEST(Simulation, RulesHoldOverTheEndOfWindowsAndRetention) {
    expect_seeds(31, 6, Theme::brief);
}

TEST(Simulation, RulesHoldOverDaysOfAbsence) {
    expect_seeds(41, 6, Theme::absence);
}

TEST(Simulation, RulesHoldForEachKindOfFaultAlone) {
    for (const FaultSet faults : {FaultSet::network, FaultSet::process, FaultSet::disk,
                                  FaultSet::clock, FaultSet::restore}) {
        expect_holds(51, Theme::any, faults);
    }
}

// A copy that was put back lay between the commit of `incoming` and that of `sent` (55330921). The
// server's clock had been ahead, devices forgot by it, and a copy with an earlier clock was put
// back (244).
TEST(Simulation, SeedsThatOnceFailedHold) {
    for (const std::uint64_t seed : {55330921u, 244u}) {
        RunOptions options;
        options.seed = seed;
        options.steps = 300;
        const RunReport report = run(options);
        EXPECT_FALSE(report.broken) << format(report);
    }
}

// ---- determinism

TEST(Simulation, TheSameSeedGivesTheSameRun) {
    for (const Theme theme : {Theme::plain, Theme::narrow, Theme::brief}) {
        const RunReport one = play(61, theme);
        const RunReport two = play(61, theme);
        EXPECT_EQ(one.hash, two.hash);
        EXPECT_EQ(format(one), format(two));
    }
    EXPECT_NE(play(62, Theme::plain).hash, play(63, Theme::plain).hash);
}

TEST(Simulation, WatchingARunDoesNotChangeIt) {
    RunOptions options;
    options.seed = 64;
    options.steps = kSteps;
    const RunReport unseen = run(options);
    std::uint64_t lines = 0;
    options.trace = [&lines](const std::string&) { ++lines; };
    EXPECT_EQ(run(options).hash, unseen.hash);
    EXPECT_GT(lines, 100u);
}

}  // namespace
}  // namespace parley::sim
