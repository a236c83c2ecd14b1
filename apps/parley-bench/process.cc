#include "process.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace parley::bench {
namespace {

// The number after "NAME" in lines such as "VmRSS:     1234 kB"; 0 if there is none.
double kib_in(const std::string& file, const std::string& name) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name)) {
            return std::strtod(line.c_str() + name.size(), nullptr);
        }
    }
    return 0;
}

}  // namespace

Nanos ProcessUse::cpu_of(int pid) {
    clockid_t clock{};
    if (pid <= 0 || ::clock_getcpuclockid(pid, &clock) != 0) {
        return 0;
    }
    return read_clock(clock);
}

ProcessUse ProcessUse::of(int pid, Memory memory) {
    ProcessUse use;
    if (pid > 0) {
        const std::string folder = "/proc/" + std::to_string(pid);
        use.cpu = cpu_of(pid);
        use.resident_kib = kib_in(folder + "/status", "VmRSS:");
        if (memory == Memory::proportional_too) {
            use.proportional_kib = kib_in(folder + "/smaps_rollup", "Pss:");
        }
    }
    return use;
}

Nanos waited_for_core(int tid) {
    // Documentation/scheduler/sched-stats.rst: time on a core, time waiting for one, turns.
    std::ifstream in("/proc/self/task/" + std::to_string(tid) + "/schedstat");
    Nanos ran = 0, waited = 0;
    return in >> ran >> waited ? waited : 0;
}

}  // namespace parley::bench
