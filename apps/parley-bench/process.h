#pragma once

#include "ticks.h"

namespace parley::bench {

// CPU time of a process so far (user and system, all its threads) and its memory; zeros where it
// can't be read.
struct ProcessUse {
    Nanos cpu = 0;
    double resident_kib = 0;
    double proportional_kib = 0;  // shared pages by their share (PSS); needs the same user or root
    // PSS takes a walk through all of the process's pages.
    enum class Memory { resident, proportional_too };
    static ProcessUse of(int pid, Memory memory);
    static Nanos cpu_of(int pid);
};

// How long a thread has been ready to run without a core, so far; 0 where it can't be read.
Nanos waited_for_core(int tid);

}  // namespace parley::bench
