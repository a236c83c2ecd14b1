#include "sim/faults/fault.h"

namespace parley::sim {

std::vector<std::unique_ptr<Fault>> make_faults(const Scenario& scenario) {
    std::vector<std::unique_ptr<Fault>> faults;
    if (scenario.network_faults) {
        add_network_faults(faults);
    }
    if (scenario.process_faults) {
        add_process_faults(faults);
    }
    if (scenario.disk_faults) {
        add_disk_faults(faults);
    }
    if (scenario.clock_faults) {
        add_clock_faults(faults);
    }
    add_store_faults(faults, scenario.epoch_faults, scenario.restore_faults);
    return faults;
}

}  // namespace parley::sim
