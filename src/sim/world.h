#pragma once

#include "base/random.h"
#include "sim/checkers/journal.h"
#include "sim/checkers/session_checker.h"
#include "sim/checkers/truth.h"
#include "sim/scenario.h"
#include "sim/scheduler.h"
#include "sim/sim_device.h"
#include "sim/sim_network.h"
#include "sim/sim_server.h"
#include "sim/trace.h"
#include "sim/verdict.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::sim {

// Everything of one run: the machines, the network between them, and those who watch. Workloads and
// faults act on it.
class World {
  public:
    explicit World(const Scenario& scenario, Trace::Lines lines = nullptr);
    ~World();

    const Scenario& scenario() const { return scenario_; }
    Scheduler& scheduler() { return scheduler_; }
    Trace& trace() { return trace_; }
    Verdict& verdict() { return verdict_; }
    SimNetwork& network() { return network_; }
    SimServer& server() { return *server_; }
    Journal& journal() { return *journal_; }
    const Truth& truth() const { return *truth_; }
    const SessionChecker& sessions() const { return *session_checker_; }
    // For workloads and faults alike: one sequence of choices.
    Random& random() { return random_; }

    std::vector<std::unique_ptr<SimDevice>>& devices() { return devices_; }
    SimDevice& any_device();
    // Running ones with messaging; none: null.
    SimDevice* any_running();
    const std::vector<UserId>& people() const {
        return people_;
    }  // with messaging, devices or late ones
    const std::vector<UserId>& strangers() const {
        return strangers_;
    }  // unknown, or without messaging
    // A new device of an existing user, with an empty disk.
    SimDevice& add_device(const UserId& user, bool messaging);

    // Counts a fault by its name.
    void count_fault(const std::string& name) { ++faults_[name]; }
    const std::map<std::string, std::uint64_t>& faults() const { return faults_; }
    // The next frame of this kind that this side writes ends the process that wrote it.
    struct Trap {
        End end;
        std::string frame;
        PowerLoss how;
        Duration down;
    };
    void set_trap(Trap trap) { trap_ = std::move(trap); }

    // Ends a process and starts it again after `down`.
    void crash_device(SimDevice& device, PowerLoss how, Duration down);
    void crash_server(PowerLoss how, Duration down);

    // From now on nothing goes wrong any more, and everybody is there.
    void heal();
    bool healed() const { return healed_; }
    bool server_clock_disturbed() const { return server_clock_disturbed_; }
    void disturb_server_clock() { server_clock_disturbed_ = true; }
    // True if the device runs with messaging and had a session since the healing.
    bool takes_part(const DeviceTag& device) const;

  private:
    void said(const std::string& host, End end, const char* frame);
    SimDevice* device_on(const std::string& host);
    std::string sign_token(const DeviceTag& device, Duration life);
    void make_people();
    ServerOptions server_options() const;

    Scenario scenario_;
    Scheduler scheduler_;
    Trace trace_;
    Verdict verdict_;
    Random random_;
    SimNetwork network_;
    std::unique_ptr<SimServer> server_;
    std::unique_ptr<Truth> truth_;
    std::unique_ptr<SessionChecker> session_checker_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<LogSink> log_;
    std::unique_ptr<DeviceSurroundings> surroundings_;
    std::vector<std::unique_ptr<SimDevice>> devices_;
    std::map<std::string, SimDevice*> by_host_;
    std::vector<UserId> people_;
    std::vector<UserId> strangers_;
    std::map<std::string, std::uint64_t> faults_;
    std::optional<Trap> trap_;
    std::map<std::size_t, std::uint64_t> sessions_at_healing_;
    bool healed_ = false;
    bool server_clock_disturbed_ = false;
};

}  // namespace parley::sim
