#pragma once

#include "sim/workloads/workload.h"

#include <memory>

namespace parley::sim {

// One message to one person.
std::unique_ptr<Workload> make_chat();
// One message to several: oneself, the same twice, unknown people and those without messaging among
// them.
std::unique_ptr<Workload> make_group();
// Many messages at once, some of them long.
std::unique_ptr<Workload> make_burst();
// A message that is taken back, if it is not too late.
std::unique_ptr<Workload> make_cancel();
// A copy of a message of before: of one that failed, where there is one, else of any.
std::unique_ptr<Workload> make_copy();

}  // namespace parley::sim
