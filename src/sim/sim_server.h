#pragma once

#include "base/log.h"
#include "mailbox/log_store.h"
#include "server/node.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/sim_table.h"
#include "sim/sim_vfs.h"
#include "sim/trace.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace parley::sim {

struct ServerOptions {
    ApplicationKey application;
    std::string secret;
    server::NodeOptions node;
    std::chrono::seconds retention{};
    std::uint32_t loops = 1;
    ClockDrift drift;
};

// The one server: a disk and a clock that last, and a process with a node and a store in it that
// comes and goes.
class SimServer {
  public:
    SimServer(Scheduler& scheduler, SimNetwork& network, Trace& trace, LogSink& log,
              ServerOptions options, std::uint64_t seed);
    ~SimServer();

    SimDisk& disk() { return disk_; }
    SimWallClock& clock() { return clock_; }

    // Starts the process. On a disk that does not let it, it tries again.
    void boot();
    // Ends it now, also from within its own calls.
    void crash(PowerLoss how);
    // Sends its clients away in good order, ends, and starts again after `down`.
    void drain(Duration down);
    // While down: the file that names the epoch is lost, or an older copy of everything is put back
    // (R19).
    void lose_epoch();
    void restore(SimDisk::Contents copy);
    bool running() const { return process_ != nullptr && !ending_; }

    // The store's own time, as far as it is known: the running store's, else the last one.
    WallTime store_time();
    std::chrono::seconds dedupe_horizon() const { return horizon_; }
    std::uint64_t commits() const { return commits_; }

  private:
    struct Process;
    bool start_process();
    void tear_down();

    Scheduler& scheduler_;
    SimNetwork& network_;
    Trace& trace_;
    LogSink& log_;
    ServerOptions options_;
    Random random_;
    SimWallClock clock_;
    SimDisk disk_;
    std::unique_ptr<Process> process_;
    bool ending_ = false;
    WallTime last_store_time_{};
    std::chrono::seconds horizon_{};
    std::uint64_t commits_ = 0;
    std::uint64_t epochs_ = 1;
    std::uint64_t starts_ = 0;
};

}  // namespace parley::sim
