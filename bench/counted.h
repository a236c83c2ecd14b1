#pragma once

#include "base/task.h"

#include <cstddef>

// callgrind counts from the entry of this function to its return and writes its figures when it
// returns (--toggle-collect, --dump-after): it is named in bench/count.py. In a file of its own, so
// that no compiler makes a copy of another name.
extern "C" void parley_counted(parley::Task& call, std::size_t times);
