#include "sim/faults/fault.h"

namespace parley::sim {
namespace {

Duration seconds(std::uint64_t count) {
    return std::chrono::seconds(count);
}

bool cut(World& world) {
    return world.network().cut(world.any_device().tag().host) > 0;
}

bool half_open(World& world) {
    return world.network().half_open(world.any_device().tag().host) > 0;
}

bool unreachable(World& world, Reach reach) {
    const std::string host = world.any_device().tag().host;
    world.network().set_reach(host, reach);
    world.scheduler().after(seconds(1 + world.random().below(60)),
                            [&world, host] { world.network().set_reach(host, Reach::open); });
    return true;
}

bool slow(World& world, End end) {
    const std::string host = world.any_device().tag().host;
    world.network().slow_reader(host, end, Duration(20'000 + world.random().below(2'000'000)));
    world.scheduler().after(seconds(1 + world.random().below(40)),
                            [&world, host, end] { world.network().slow_reader(host, end, {}); });
    return true;
}

// A phone that changes from one network to another: the connection goes, and the app says so.
bool moved(World& world) {
    SimDevice& device = world.any_device();
    world.network().half_open(device.tag().host);
    if (!device.running()) {
        return false;
    }
    device.network_changed();
    return true;
}

}  // namespace

void add_network_faults(std::vector<std::unique_ptr<Fault>>& faults) {
    faults.push_back(make_fault("cut", cut));
    faults.push_back(make_fault("cut", cut));
    faults.push_back(make_fault("half_open", half_open));
    faults.push_back(
        make_fault("refused", [](World& world) { return unreachable(world, Reach::refused); }));
    faults.push_back(
        make_fault("blackhole", [](World& world) { return unreachable(world, Reach::blackhole); }));
    faults.push_back(
        make_fault("slow_client", [](World& world) { return slow(world, End::client); }));
    faults.push_back(
        make_fault("slow_server", [](World& world) { return slow(world, End::server); }));
    faults.push_back(make_fault("moved", moved));
}

}  // namespace parley::sim
