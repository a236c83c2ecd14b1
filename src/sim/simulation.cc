#include "sim/simulation.h"

#include "sim/checkers/end_checker.h"
#include "sim/faults/fault.h"
#include "sim/workloads/workload.h"
#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace parley::sim {
namespace {

// Everything that a healed system may still wait for: the end of a keep-alive, the longest backoff
// with its jitter, a token, the repeats of the server.
constexpr Duration kMostHealing = std::chrono::minutes(10);
constexpr Duration kLook = std::chrono::seconds(5);
// So much happening at once is a loop that never rests.
constexpr std::uint64_t kMostEventsAtOnce = 3'000'000;

class Simulation {
  public:
    explicit Simulation(const RunOptions& options)
        : options_(options),
          scenario_(draw(options)),
          world_(scenario_, options.trace),
          workloads_(make_workloads(scenario_)),
          faults_(make_faults(scenario_)),
          end_(world_.truth(), world_.journal(),
               {[this] { return world_.server().store_time(); },
                [this](const DeviceTag& device) { return world_.takes_part(device); },
                scenario_.limits.retention, scenario_.limits.retry_window,
                [this] { return world_.scheduler().now(); }}) {}

    RunReport run() {
        for (std::uint64_t step = 0; step < options_.steps && world_.verdict().ok(); ++step) {
            const Duration pause = take_step();
            const Duration busy = around(scenario_.step_gap);
            schedule_faults(busy, pause);
            advance(world_.scheduler().now() + pause + busy);
        }
        striking_ = false;
        say_last_word();
        if (world_.verdict().ok()) {
            settle();
        }
        return report();
    }

  private:
    static Scenario draw(const RunOptions& options) {
        Scenario scenario = draw_scenario(options.seed, options.theme, options.faults);
        scenario.steps = options.steps;
        return scenario;
    }

    // Mostly short, at times long.
    Duration around(Duration average) {
        const auto most = static_cast<std::uint64_t>(average.count());
        return Duration(world_.random().chance(0.25) ? world_.random().below(most * 4)
                                                     : world_.random().below(most));
    }

    Duration take_step() {
        std::uint64_t total = 0;
        for (const auto& each : workloads_) {
            total += options_.workload.empty() || each.workload->name() == options_.workload
                         ? each.weight
                         : 0;
        }
        if (total == 0) {
            return {};
        }
        std::uint64_t choice = world_.random().below(total);
        for (const auto& each : workloads_) {
            if (!options_.workload.empty() && each.workload->name() != options_.workload) {
                continue;
            }
            if (choice < each.weight) {
                world_.trace().note("step", "world", each.workload->name());
                return each.workload->step(world_);
            }
            choice -= each.weight;
        }
        return {};
    }

    // The server dies on the acknowledgement of the last message, so that nothing but the cursor of
    // the next Hello brings its receipt (R21).
    void say_last_word() {
        SimDevice* device = world_.any_running();
        if (!scenario_.process_faults || device == nullptr || !world_.verdict().ok()) {
            return;
        }
        const auto& people = world_.people();
        world_.set_trap({End::server, "acknowledged", PowerLoss::process, std::chrono::seconds(1)});
        device->send({people[world_.random().below(people.size())]}, "the last word", {});
        advance(world_.scheduler().now() + std::chrono::seconds(5));
    }

    // Things go wrong while people are busy, and a few times while they rest.
    void schedule_faults(Duration busy, Duration pause) {
        Random& random = world_.random();
        const double due = static_cast<double>(scenario_.step_gap.count()) /
                           static_cast<double>(scenario_.fault_gap.count());
        if (random.chance(due)) {
            strike_within(Duration{}, busy);
        }
        if (pause > Duration{}) {
            for (std::uint64_t count = random.below(4); count > 0; --count) {
                strike_within(busy, pause);
            }
        }
    }

    void strike_within(Duration from, Duration span) {
        if (faults_.empty()) {
            return;
        }
        const auto most = static_cast<std::uint64_t>(span.count());
        world_.scheduler().after(from + Duration(world_.random().below(most + 1)), [this] {
            Fault& fault = *faults_[world_.random().below(faults_.size())];
            if (striking_ && fault.strike(world_)) {
                world_.trace().note("fault", "world", fault.name());
                world_.count_fault(std::string(fault.name()));
            }
        });
    }

    void advance(Duration until) {
        Scheduler& scheduler = world_.scheduler();
        const std::uint64_t most =
            scheduler.events() + kMostEventsAtOnce +
            static_cast<std::uint64_t>((until - scheduler.now()).count() / 1'000);
        while (world_.verdict().ok() && scheduler.run_one_until(until)) {
            if (scheduler.events() > most) {
                world_.verdict().broken("liveness", "something is busy for ever");
            }
        }
    }

    void settle() {
        world_.heal();
        const Duration healed_at = world_.scheduler().now();
        const Duration most =
            kMostHealing + 3 * std::chrono::duration_cast<Duration>(scenario_.limits.ping_interval);
        std::optional<Verdict::Broken> missing;
        do {
            advance(world_.scheduler().now() + kLook);
            missing = still_missing();
        } while (missing && world_.verdict().ok() && world_.scheduler().now() - healed_at < most);
        healing_time_ = world_.scheduler().now() - healed_at;
        if (missing && world_.verdict().ok()) {
            world_.verdict().broken(missing->rule, missing->what);
        }
        // Nothing comes twice after everything has come once.
        advance(world_.scheduler().now() + std::chrono::seconds(30));
        if (const auto order = end_.out_of_order(); order && world_.verdict().ok()) {
            world_.verdict().broken(order->rule, order->what);
        }
    }

    std::optional<Verdict::Broken> still_missing() {
        for (const auto& device : world_.devices()) {
            if (!device->running()) {
                return Verdict::Broken{"liveness", device->tag().host + " does not start"};
            }
            if (device->tag().messaging && !world_.takes_part(device->tag())) {
                return Verdict::Broken{"liveness", device->tag().host + " gets no session"};
            }
            if (!device->outbox_empty()) {
                return Verdict::Broken{"R9",
                                       "the outbox of " + device->tag().host + " does not empty"};
            }
        }
        return end_.missing();
    }

    RunReport report() {
        RunReport report;
        const Journal::Counts& counts = world_.journal().counts();
        report.seed = options_.seed;
        report.scenario = scenario_.describe();
        report.broken = world_.verdict().first();
        report.messages = counts.messages;
        report.accepted = world_.truth().accepted();
        report.callbacks = counts.incoming + counts.sent + counts.delivered + counts.failed;
        report.failed = counts.failed;
        report.copies = counts.copies;
        report.repeated = counts.repeated;
        report.sessions = world_.sessions().sessions();
        report.frames = world_.sessions().frames();
        report.faults = world_.faults();
        for (const auto& [name, count] : report.faults) {
            report.fault_count += count;
        }
        report.virtual_time = world_.scheduler().now();
        report.healing_time = healing_time_;
        report.events = world_.scheduler().events();
        report.hash = world_.trace().hash();
        return report;
    }

    RunOptions options_;
    Scenario scenario_;
    World world_;
    std::vector<WeightedWorkload> workloads_;
    std::vector<std::unique_ptr<Fault>> faults_;
    EndChecker end_;
    bool striking_ = true;
    Duration healing_time_{};
};

}  // namespace

RunReport run(const RunOptions& options) {
    return Simulation(options).run();
}

std::string format(const RunReport& report) {
    std::string text =
        fmt::format("seed {} hash {:016x}\n  {}\n", report.seed, report.hash, report.scenario);
    text += fmt::format(
        "  {} messages, {} accepted for a recipient, {} callbacks ({} failed, {} repeated after a "
        "crash), {} copies\n",
        report.messages, report.accepted, report.callbacks, report.failed, report.repeated,
        report.copies);
    text += fmt::format("  {} sessions, {} frames, {} events, virtual time {}, healed in {}\n",
                        report.sessions, report.frames, report.events,
                        format_time(report.virtual_time), format_time(report.healing_time));
    text += fmt::format("  {} faults:", report.fault_count);
    for (const auto& [name, count] : report.faults) {
        text += fmt::format(" {} {}", count, name);
    }
    text += "\n";
    if (report.broken) {
        text += fmt::format("  BROKEN {}: {}\n", report.broken->rule, report.broken->what);
    }
    return text;
}

}  // namespace parley::sim
