#pragma once

#include "base/log.h"
#include "base/task.h"
#include "io/loop.h"

#include <memory>
#include <vector>

namespace parley::parleyd {

// Whether every loop still takes its turns: each is asked by a task, and must have run it when it
// is asked again. Belongs to the main thread; at most one task waits in a loop.
//
// A loop that waits for the disk counts as turning: what would follow from a stuck one is a
// restart, which heals a process and no disk, and which the kernel would not even grant. /readyz
// tells of the disk.
class Heartbeat {
  public:
    // Says whether this loop, by its place among those given, waits for the disk; `thread` is the
    // number of the thread that it ran on.
    using WaitsForDisk = UniqueFunction<bool(std::size_t loop, int thread)>;

    // The loops outlive the heartbeat.
    Heartbeat(std::vector<io::Loop*> loops, WaitsForDisk waits_for_disk, Logger log);
    ~Heartbeat();

    // Asks all loops again. False: one has not answered since the last time; the log names it.
    bool beat();

  private:
    struct Pulse;

    std::vector<io::Loop*> loops_;
    std::vector<std::shared_ptr<Pulse>> pulses_;  // of each loop
    WaitsForDisk waits_for_disk_;
    const Logger log_;
};

// What the kernel says: an uninterruptible wait, which is the disk's.
bool waits_for_disk(int thread);

}  // namespace parley::parleyd
