#pragma once

#include "base/limits.h"
#include "base/time.h"
#include "sim/sim_network.h"

#include <cstdint>
#include <string>
#include <vector>

namespace parley::sim {

// What one run is made of, drawn from its seed: who there is, what they do, what goes wrong, and
// the settings of server and apps.
struct Scenario {
    std::uint64_t seed = 0;
    std::uint64_t steps = 300;

    // People. A user with no devices is unknown to the server; users without messaging have one
    // device that does not want it.
    std::vector<std::uint32_t> devices_of_user;
    std::uint32_t users_without_messaging = 1;
    std::uint32_t unknown_users = 1;
    std::uint32_t late_devices = 1;  // join in the middle of the run

    // What they do, by weight.
    struct Weights {
        std::uint32_t chat = 10;
        std::uint32_t group = 3;
        std::uint32_t burst = 2;
        std::uint32_t away = 2;
        std::uint32_t late_device = 1;
        std::uint32_t copy = 3;
        std::uint32_t cancel = 1;
        std::uint32_t rest = 0;  // hours pass
        std::uint32_t week = 0;  // a device stays away for days
    } weights;
    Duration step_gap = std::chrono::milliseconds(800);  // between two steps, on average
    std::uint32_t largest_text = 2'000;

    // What goes wrong.
    bool network_faults = true;
    bool process_faults = true;
    bool disk_faults = true;
    bool clock_faults = false;
    bool epoch_faults = false;    // the epoch's file is lost
    bool restore_faults = false;  // an older copy is put back
    Duration fault_gap = std::chrono::milliseconds(2'500);
    double crash_in_callback = 0.003;
    double token_refused = 0.05;
    Duration token_life = std::chrono::hours(1);

    // Settings.
    Limits limits;
    std::uint32_t rate_per_second = 200;
    std::uint64_t inbox_bytes = kInboxBytes;  // unread, then an app's client stops recording
    std::uint32_t loops = 1;
    NetworkOptions network;
    Duration flush_most{3'000};

    std::string describe() const;
};

enum class FaultSet : std::uint8_t { all, none, network, process, disk, clock, restore };
enum class Theme : std::uint8_t {
    any,
    plain,    // the settings as shipped
    narrow,   // small windows, small buffers, long texts
    brief,    // short retention and retry window, hours pass
    absence,  // days pass, devices stay away
};

Scenario draw_scenario(std::uint64_t seed, Theme theme, FaultSet faults);

}  // namespace parley::sim
