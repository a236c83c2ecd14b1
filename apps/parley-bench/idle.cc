#include "workloads.h"

#include <optional>

namespace parley::bench {
namespace {

// Connections that say nothing.
class Idle final : public Shard {
  public:
    explicit Idle(const Place& place)
        : Shard(place, part(place.settings.pairs, place.thread, place.settings.threads)),
          count_(part(place.settings.pairs, place.thread, place.settings.threads)) {}

  private:
    Bytes hello_of(std::uint32_t index) override {
        return wire::encode(hello(user_of(index), "i"));
    }
    UserId user_of(std::uint32_t index) const override { return user("idle", index); }

    void begin(Phase phase) override {
        phase_ = phase;
        if (phase == Phase::connect) {
            connect_all(0, count_);
        }
    }
    Nanos turn() override {
        if (phase_ == Phase::connect && all_through()) {
            phase_.reset();
            step_done();
        } else if (phase_ == Phase::measure && settled(true)) {
            step_done();
        }
        return phase_ == Phase::measure ? window().until.load(std::memory_order_relaxed) : kForever;
    }

    std::size_t count_;
    std::optional<Phase> phase_;
};

void report_idle(const Settings& settings, const Outcome& outcome, Report& report) {
    if (outcome.span("idle") == nullptr) {
        return;
    }
    const Span& connecting = *outcome.span("connect");
    const Span& idle = *outcome.span("idle");
    const auto count = static_cast<double>(settings.pairs);
    report.add("connected", count / connecting.seconds, "/s");
    if (settings.server_pid > 0) {
        report.add("server memory per connection",
                   (idle.resident_kib - connecting.resident_kib_before) / count, "KiB");
        report.add("server memory per connection (PSS)",
                   (idle.proportional_kib - connecting.proportional_kib_before) / count, "KiB");
        report.add("server CPU per connection made", connecting.server_cpu * 1e6 / count, "us");
    }
    add_costs(report, settings, idle, 0, "");
}

}  // namespace

Plan plan_idle(const Settings& settings) {
    Plan plan;
    plan.steps = {{Phase::connect, "connect", false}, {Phase::measure, "idle", true}};
    plan.connections = settings.pairs;
    plan.memory = ProcessUse::Memory::proportional_too;
    plan.make = [](const Shard::Place& place) { return std::make_unique<Idle>(place); };
    plan.report = report_idle;
    return plan;
}

}  // namespace parley::bench
