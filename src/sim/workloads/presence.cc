#include "sim/workloads/presence.h"

namespace parley::sim {
namespace {

Duration minutes(std::uint64_t count) {
    return std::chrono::minutes(count);
}

class Away final : public Workload {
  public:
    std::string_view name() const override { return "away"; }
    Duration step(World& world) override {
        if (SimDevice* device = world.any_running()) {
            device->quit();
            const bool brief = world.scenario().limits.retry_window < std::chrono::hours(1);
            const Duration away = brief ? minutes(world.random().below(50))
                                        : Duration(world.random().below(90'000'000));
            world.scheduler().after(away, [device] { device->boot(); });
        }
        return {};
    }
};

class LateDevice final : public Workload {
  public:
    std::string_view name() const override { return "late_device"; }
    Duration step(World& world) override {
        if (joined_ < world.scenario().late_devices) {
            ++joined_;
            const auto& people = world.people();
            world.add_device(people[world.random().below(people.size())], true).boot();
        }
        return {};
    }

  private:
    std::uint32_t joined_ = 0;
};

class Rest final : public Workload {
  public:
    std::string_view name() const override { return "rest"; }
    Duration step(World& world) override { return minutes(5 + world.random().below(60)); }
};

class Week final : public Workload {
  public:
    std::string_view name() const override { return "week"; }
    Duration step(World& world) override {
        Random& random = world.random();
        if (rests_ >= kMostRests) {
            return {};
        }
        const Duration days = std::chrono::hours(24 * (1 + random.below(7)));
        const bool everybody = random.chance(0.3);
        for (const auto& device : world.devices()) {
            if (everybody || random.chance(0.4)) {
                SimDevice* one = device.get();
                one->quit();
                world.scheduler().after(days, [one] { one->boot(); });
            }
        }
        // Either the others go on as ever, or the days pass for all.
        if (!everybody && random.chance(0.5)) {
            return {};
        }
        ++rests_;
        return days;
    }

  private:
    // A day costs its keep-alives.
    static constexpr int kMostRests = 3;
    int rests_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_away() {
    return std::make_unique<Away>();
}
std::unique_ptr<Workload> make_late_device() {
    return std::make_unique<LateDevice>();
}
std::unique_ptr<Workload> make_rest() {
    return std::make_unique<Rest>();
}
std::unique_ptr<Workload> make_week() {
    return std::make_unique<Week>();
}

}  // namespace parley::sim
