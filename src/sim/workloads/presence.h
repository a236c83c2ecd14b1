#pragma once

#include "sim/workloads/workload.h"

#include <memory>

namespace parley::sim {

// An app is closed for some minutes.
std::unique_ptr<Workload> make_away();
// A new device of a user who is there already.
std::unique_ptr<Workload> make_late_device();
// For up to some hours nobody does anything.
std::unique_ptr<Workload> make_rest();
// A device, or everybody, stays away for days.
std::unique_ptr<Workload> make_week();

}  // namespace parley::sim
