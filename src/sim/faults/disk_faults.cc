#include "sim/faults/fault.h"

#include <memory>
#include <utility>

namespace parley::sim {
namespace {

Duration milliseconds(std::uint64_t count) {
    return std::chrono::milliseconds(count);
}

bool slow_flushes(World& world) {
    SimDisk& disk = world.server().disk();
    disk.flush_most = milliseconds(50 + world.random().below(2'000));
    world.scheduler().after(milliseconds(500 + world.random().below(8'000)),
                            [&world, &disk] { disk.flush_most = world.scenario().flush_most; });
    return true;
}

bool server_full(World& world) {
    SimDisk& disk = world.server().disk();
    disk.full = true;
    world.scheduler().after(
        milliseconds(100 + world.random().below(world.random().chance(0.3) ? 40'000 : 3'000)),
        [&disk] { disk.full = false; });
    return true;
}

bool server_flush_fails(World& world) {
    world.server().disk().fail_next_commit = true;
    return true;
}

bool app_full(World& world) {
    SimDevice& device = world.any_device();
    device.disturb_disk();
    device.disk().set_capacity(device.disk().bytes_used() + world.random().below(64 * 1024));
    world.scheduler().after(milliseconds(500 + world.random().below(20'000)),
                            [&device] { device.disk().set_capacity(SIZE_MAX); });
    return true;
}

bool app_io_error(World& world) {
    SimDevice& device = world.any_device();
    device.disturb_disk();
    device.disk().fail_after(1 + world.random().below(20));
    world.scheduler().after(milliseconds(200 + world.random().below(5'000)),
                            [&device] { device.disk().stop_failing(); });
    return true;
}

}  // namespace

void add_disk_faults(std::vector<std::unique_ptr<Fault>>& faults) {
    faults.push_back(make_fault("server_disk_slow", slow_flushes));
    faults.push_back(make_fault("server_disk_full", server_full));
    faults.push_back(make_fault("server_flush_fails", server_flush_fails));
    faults.push_back(make_fault("app_disk_full", app_full));
    faults.push_back(make_fault("app_disk_error", app_io_error));
}

void add_store_faults(std::vector<std::unique_ptr<Fault>>& faults, bool epoch, bool restore) {
    if (epoch) {
        faults.push_back(make_fault("epoch_lost", [](World& world) {
            world.crash_server(PowerLoss::process, milliseconds(800));
            world.scheduler().next([&world] { world.server().lose_epoch(); });
            return true;
        }));
    }
    if (restore) {
        const auto copy = std::make_shared<std::pair<bool, SimDisk::Contents>>();
        faults.push_back(make_fault("restore", [copy](World& world) {
            if (!std::exchange(copy->first, true)) {
                copy->second = world.server().disk().contents();
                return false;
            }
            copy->first = false;
            world.crash_server(PowerLoss::process, milliseconds(800));
            world.scheduler().next(
                [&world, copy] { world.server().restore(std::exchange(copy->second, {})); });
            return true;
        }));
    }
}

}  // namespace parley::sim
