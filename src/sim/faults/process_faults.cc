#include "sim/faults/fault.h"

namespace parley::sim {
namespace {

PowerLoss any_loss(Random& random) {
    return random.chance(0.5) ? PowerLoss::machine : PowerLoss::process;
}

Duration any_downtime(Random& random) {
    return Duration(random.chance(0.7) ? random.below(2'000'000) : random.below(30'000'000));
}

bool crash_app(World& world) {
    SimDevice& device = world.any_device();
    if (!device.running()) {
        return false;
    }
    world.crash_device(device, any_loss(world.random()), any_downtime(world.random()));
    return true;
}

// In the middle of one of the next writes or syncs of its store.
bool crash_app_in_store(World& world) {
    SimDevice& device = world.any_device();
    if (!device.running()) {
        return false;
    }
    const PowerLoss how = any_loss(world.random());
    const Duration down = any_downtime(world.random());
    device.disk().interrupt_after(1 + world.random().below(12), [&world, &device, how, down] {
        world.crash_device(device, how, down);
    });
    return true;
}

// Right after it said something: what was said must have been durable.
bool crash_after(World& world, End end, const char* frame) {
    world.set_trap({end, frame, any_loss(world.random()), any_downtime(world.random())});
    return true;
}

bool crash_server(World& world) {
    if (!world.server().running()) {
        return false;
    }
    world.crash_server(any_loss(world.random()), any_downtime(world.random()));
    return true;
}

bool drain_server(World& world) {
    if (!world.server().running()) {
        return false;
    }
    world.server().drain(any_downtime(world.random()));
    return true;
}

}  // namespace

void add_process_faults(std::vector<std::unique_ptr<Fault>>& faults) {
    faults.push_back(make_fault("app_crash", crash_app));
    faults.push_back(make_fault("app_crash_in_store", crash_app_in_store));
    faults.push_back(make_fault("app_crash_after_submit", [](World& world) {
        return crash_after(world, End::client, "submit");
    }));
    faults.push_back(make_fault("app_crash_after_ack", [](World& world) {
        return crash_after(world, End::client, "ack");
    }));
    faults.push_back(make_fault("server_crash", crash_server));
    faults.push_back(make_fault("server_crash_after_result", [](World& world) {
        return crash_after(world, End::server, "result");
    }));
    faults.push_back(make_fault("server_crash_after_events", [](World& world) {
        return crash_after(world, End::server, "events");
    }));
    faults.push_back(make_fault("server_crash_after_welcome", [](World& world) {
        return crash_after(world, End::server, "welcome");
    }));
    faults.push_back(make_fault("server_crash_before_ack", [](World& world) {
        return crash_after(world, End::server, "acknowledged");
    }));
    faults.push_back(make_fault("server_drain", drain_server));
}

}  // namespace parley::sim
