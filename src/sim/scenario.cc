#include "sim/scenario.h"

#include "base/random.h"

#include <fmt/format.h>

namespace parley::sim {
namespace {

void draw_people(Scenario& scenario, Random& random) {
    const std::uint64_t users = 3 + random.below(4);
    for (std::uint64_t i = 0; i < users; ++i) {
        scenario.devices_of_user.push_back(
            static_cast<std::uint32_t>(random.chance(0.35) ? 2 + random.below(2) : 1));
    }
    scenario.late_devices = static_cast<std::uint32_t>(random.below(3));
}

void make_narrow(Scenario& scenario, Random& random) {
    Limits& limits = scenario.limits;
    limits.text_bytes = 8 * 1024;
    limits.header_bytes = 1024;
    limits.recipients = 50;
    limits.recipient_bytes = 4 * 1024;
    limits.frame_bytes = 96 * 1024;
    limits.inflight_bytes = 128 * 1024;
    // Often less than a few long texts, so that bytes end a window too.
    limits.unacked_bytes = static_cast<std::uint32_t>(2'000 + random.below(30'000));
    limits.unacked_events = static_cast<std::uint32_t>(1 + random.below(12));
    limits.inflight_submissions = static_cast<std::uint32_t>(1 + random.below(6));
    scenario.largest_text = random.chance(0.3) ? 8 * 1024 : 3'000;
    scenario.network.wire_bytes = 4 * 1024 + random.below(16 * 1024);
    scenario.network.buffer_bytes = 4 * 1024 + random.below(16 * 1024);
    scenario.weights.burst = 6;
    if (random.chance(0.4)) {
        scenario.inbox_bytes = 1'000 + random.below(20'000);
    }
}

void make_brief(Scenario& scenario, Random& random) {
    scenario.limits.retry_window = std::chrono::minutes(10 + random.below(20));
    scenario.limits.retention = std::chrono::hours(2 + random.below(3));
    scenario.limits.ping_interval = std::chrono::minutes(2);
    scenario.weights.rest = 2;
    scenario.weights.away = 4;
    scenario.weights.copy = 6;
    scenario.step_gap = std::chrono::seconds(3);
    scenario.fault_gap = std::chrono::seconds(9);
}

void make_absence(Scenario& scenario) {
    scenario.limits.ping_interval = std::chrono::minutes(15);
    scenario.weights.week = 1;
    scenario.weights.rest = 1;
    scenario.token_life = std::chrono::hours(24);
}

void choose_faults(Scenario& scenario, FaultSet faults, Random& random) {
    const auto only = [faults](FaultSet set) { return faults == FaultSet::all || faults == set; };
    scenario.network_faults = only(FaultSet::network);
    scenario.process_faults = only(FaultSet::process);
    scenario.disk_faults = only(FaultSet::disk);
    scenario.clock_faults =
        faults == FaultSet::clock || (faults == FaultSet::all && random.chance(0.3));
    scenario.restore_faults =
        faults == FaultSet::restore || (faults == FaultSet::all && random.chance(0.1));
    scenario.epoch_faults =
        faults == FaultSet::restore || (faults == FaultSet::all && random.chance(0.3));
    if (!scenario.process_faults) {
        scenario.crash_in_callback = 0;
    }
    if (faults == FaultSet::none) {
        scenario.token_refused = 0;
    }
}

}  // namespace

Scenario draw_scenario(std::uint64_t seed, Theme theme, FaultSet faults) {
    Random random(seed ^ 0x5ce7a210);
    Scenario scenario;
    scenario.seed = seed;
    draw_people(scenario, random);
    if (theme == Theme::any) {
        constexpr Theme kMix[] = {Theme::plain,  Theme::plain, Theme::narrow,
                                  Theme::narrow, Theme::brief, Theme::absence};
        theme = kMix[random.below(std::size(kMix))];
    }
    scenario.loops = random.chance(0.5) ? 2 : 1;
    scenario.network.latency = Duration(200 + random.below(60'000));
    scenario.network.jitter = Duration(random.below(30'000));
    scenario.flush_most = Duration(random.chance(0.3) ? 40'000 : 3'000);
    if (random.chance(0.3)) {
        scenario.token_life = std::chrono::minutes(1 + random.below(5));
    }
    if (random.chance(0.2)) {
        scenario.rate_per_second = 5;
    }
    switch (theme) {
        case Theme::narrow:
            make_narrow(scenario, random);
            break;
        case Theme::brief:
            make_brief(scenario, random);
            break;
        case Theme::absence:
            make_absence(scenario);
            break;
        case Theme::any:
        case Theme::plain:
            break;
    }
    choose_faults(scenario, faults, random);
    return scenario;
}

std::string Scenario::describe() const {
    std::string devices;
    for (const std::uint32_t count : devices_of_user) {
        devices += fmt::format("{}{}", devices.empty() ? "" : "+", count);
    }
    return fmt::format(
        "users {} late {} | window {} s retention {} s unacked {} inflight {} | loops {} latency "
        "{} us | faults{}{}{}{}{}{}",
        devices, late_devices, limits.retry_window.count(), limits.retention.count(),
        limits.unacked_events, limits.inflight_submissions, loops, network.latency.count(),
        network_faults ? " network" : "", process_faults ? " process" : "",
        disk_faults ? " disk" : "", clock_faults ? " clock" : "", epoch_faults ? " epoch" : "",
        restore_faults ? " restore" : "");
}

}  // namespace parley::sim
