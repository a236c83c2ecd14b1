#include "sim/faults/fault.h"

namespace parley::sim {
namespace {

Duration any_jump(Random& random) {
    const std::uint64_t most = random.chance(0.5) ? 120 : (random.chance(0.5) ? 7'200 : 200'000);
    const Duration by = std::chrono::seconds(1 + random.below(most));
    return random.chance(0.5) ? by : -by;
}

bool app_jumps(World& world) {
    world.any_device().jump_clock(any_jump(world.random()));
    return true;
}

bool app_corrects(World& world) {
    world.any_device().clock().correct();
    return true;
}

bool server_jumps(World& world) {
    world.disturb_server_clock();
    world.server().clock().jump(any_jump(world.random()));
    return true;
}

bool server_corrects(World& world) {
    world.server().clock().correct();
    return true;
}

}  // namespace

void add_clock_faults(std::vector<std::unique_ptr<Fault>>& faults) {
    faults.push_back(make_fault("app_clock_jump", app_jumps));
    faults.push_back(make_fault("app_clock_corrected", app_corrects));
    faults.push_back(make_fault("server_clock_jump", server_jumps));
    faults.push_back(make_fault("server_clock_corrected", server_corrects));
}

}  // namespace parley::sim
