#include "sim/workloads/talk.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace parley::sim {
namespace {

// Each text is unlike any other, so that a mix-up shows.
std::string make_text(World& world, std::size_t largest) {
    Random& random = world.random();
    std::string text = fmt::format("message {} é", world.journal().order().size());
    if (random.chance(0.02)) {
        return {};
    }
    const std::size_t size = random.chance(0.1) ? random.below(largest + 1) : random.below(120);
    while (text.size() < size) {
        text += fmt::format(" {:x}", random.next());
    }
    if (text.size() > largest) {
        text.resize(largest);
    }
    return text;
}

std::map<std::string, std::string> make_headers(Random& random) {
    std::map<std::string, std::string> headers;
    if (random.chance(0.2)) {
        for (std::uint64_t i = random.below(4); i > 0; --i) {
            headers.emplace(fmt::format("key-{}", random.below(9)),
                            fmt::format("value {:x}", random.next()));
        }
    }
    return headers;
}

const UserId& any_person(World& world) {
    return world.people()[world.random().below(world.people().size())];
}

void send(World& world, SimDevice& device, std::vector<UserId> recipients) {
    device.send(std::move(recipients), make_text(world, world.scenario().largest_text),
                make_headers(world.random()));
}

class Chat final : public Workload {
  public:
    std::string_view name() const override { return "chat"; }
    Duration step(World& world) override {
        if (SimDevice* device = world.any_running()) {
            send(world, *device, {any_person(world)});
        }
        return {};
    }
};

class Group final : public Workload {
  public:
    std::string_view name() const override { return "group"; }
    Duration step(World& world) override {
        SimDevice* device = world.any_running();
        if (device == nullptr) {
            return {};
        }
        Random& random = world.random();
        std::vector<UserId> recipients;
        for (std::uint64_t i = 1 + random.below(5); i > 0; --i) {
            const auto& strangers = world.strangers();
            const bool stranger = !strangers.empty() && random.chance(0.2);
            recipients.push_back(stranger ? strangers[random.below(strangers.size())]
                                          : any_person(world));
        }
        send(world, *device, std::move(recipients));
        return {};
    }
};

class Burst final : public Workload {
  public:
    std::string_view name() const override { return "burst"; }
    Duration step(World& world) override {
        SimDevice* device = world.any_running();
        if (device == nullptr) {
            return {};
        }
        const UserId one = any_person(world);
        for (std::uint64_t i = 4 + world.random().below(20); i > 0; --i) {
            send(world, *device, {world.random().chance(0.8) ? one : any_person(world)});
        }
        return {};
    }
};

class Cancel final : public Workload {
  public:
    std::string_view name() const override { return "cancel"; }
    Duration step(World& world) override {
        SimDevice* device = world.any_running();
        if (device == nullptr) {
            return {};
        }
        const MessageId id =
            device->send({any_person(world)}, make_text(world, world.scenario().largest_text), {});
        // In the same moment, or in a while, when it may have left.
        if (world.random().chance(0.3)) {
            device->cancel(id);
            return {};
        }
        const std::string host = device->tag().host;
        world.scheduler().after(Duration(world.random().below(400'000)), [&world, device, id] {
            if (device->running() && world.journal().find(id) != nullptr) {
                device->cancel(id);
            }
        });
        return {};
    }
};

class Copy final : public Workload {
  public:
    std::string_view name() const override { return "copy"; }
    Duration step(World& world) override {
        const auto& order = world.journal().order();
        if (order.empty()) {
            return {};
        }
        const Written* chosen = nullptr;
        for (int attempt = 0; attempt < 12; ++attempt) {
            const Written& message =
                world.journal().written(order[world.random().below(order.size())]);
            const bool failed =
                std::any_of(message.told.begin(), message.told.end(),
                            [](const auto& told) { return told.second.failed.has_value(); });
            if (message.cancelled || message.refused || !message.returned) {
                continue;
            }
            chosen = &message;
            if (failed) {
                break;
            }
        }
        if (chosen == nullptr) {
            return {};
        }
        SimDevice& device = *world.devices()[chosen->device->index];
        if (device.running()) {
            device.send_copy(chosen->id, chosen->recipients, chosen->text, chosen->headers);
        }
        return {};
    }
};

}  // namespace

std::unique_ptr<Workload> make_chat() {
    return std::make_unique<Chat>();
}
std::unique_ptr<Workload> make_group() {
    return std::make_unique<Group>();
}
std::unique_ptr<Workload> make_burst() {
    return std::make_unique<Burst>();
}
std::unique_ptr<Workload> make_cancel() {
    return std::make_unique<Cancel>();
}
std::unique_ptr<Workload> make_copy() {
    return std::make_unique<Copy>();
}

}  // namespace parley::sim
