#include "workloads.h"

#include <optional>

namespace parley::bench {
namespace {

// Senders of messages to many recipients each, all online. A message has landed when all recipients
// have it. Connections: for each sender its recipients, then itself.
class Fanout final : public Shard {
  public:
    explicit Fanout(const Place& place)
        : Shard(place, part(place.settings.senders, place.thread, place.settings.threads) *
                           (place.settings.pairs + 1)) {
        const std::size_t groups = part(settings_.senders, place.thread, settings_.threads);
        for (std::size_t group = 0; group < groups; ++group) {
            std::vector<UserId> recipients;
            for (std::size_t i = 0; i < settings_.pairs; ++i) {
                recipients.push_back(user("receiver", group * settings_.pairs + i));
            }
            messages_.emplace_back(recipients, settings_.text_bytes,
                                   static_cast<std::int64_t>(unix_ms()));
        }
    }

  private:
    std::size_t group_of(std::uint32_t index) const { return index / (settings_.pairs + 1); }
    std::size_t place_in_group(std::uint32_t index) const { return index % (settings_.pairs + 1); }

    Bytes hello_of(std::uint32_t index) override {
        return wire::encode(hello(user_of(index), "d"));
    }
    UserId user_of(std::uint32_t index) const override {
        const std::size_t group = group_of(index);
        return place_in_group(index) == settings_.pairs
                   ? user("sender", group)
                   : user("receiver", group * settings_.pairs + place_in_group(index));
    }

    void begin(Phase phase) override {
        phase_ = phase;
        if (phase == Phase::connect) {
            return connect_all(0, messages_.size() * (settings_.pairs + 1));
        }
        for (std::uint32_t group = 0; outstanding_fits() && group < messages_.size(); ++group) {
            for (std::size_t k = 0; k < settings_.outstanding; ++k) {
                send(group);
            }
        }
    }
    Nanos turn() override {
        if (phase_ == Phase::connect && all_through()) {
            phase_.reset();
            step_done();
        }
        if (phase_ != Phase::measure) {
            return kForever;
        }
        if (in_window_time()) {
            return window().until.load(std::memory_order_relaxed);
        }
        if (settled(flights_.under_way() == 0)) {
            flights_.for_each([this](const Flights::Flight& flight) {
                if (flight.seen == 0) {
                    count_missing(kSent, flight.due);
                }
                for (std::uint32_t i = 0; i < flight.open; ++i) {
                    count_missing(kDelivered, flight.due);
                }
            });
            step_done();
        }
        return place_.orders.settled_by.load(std::memory_order_relaxed);
    }

    void send(std::uint32_t group) {
        const auto sender =
            static_cast<std::uint32_t>(group * (settings_.pairs + 1) + settings_.pairs);
        submit(sender, messages_[group], now(), group, static_cast<std::uint32_t>(settings_.pairs));
    }
    void on_answer(std::uint32_t, std::string_view message_id) override {
        std::uint64_t tag = 0;
        if (Flights::Flight* flight = flight_of(message_id, tag)) {
            flight->seen = 1;
            count(kSent, flight->due);
            landed(*flight, tag);
        }
    }
    void on_incoming(std::uint32_t, std::string_view message_id) override {
        std::uint64_t tag = 0;
        if (Flights::Flight* flight = flight_of(message_id, tag); flight && flight->open > 0) {
            --flight->open;
            count(kDelivered, flight->due);
            landed(*flight, tag);
        }
    }
    void on_delivered(std::uint32_t, std::string_view) override { count(kReceipted); }

    void landed(const Flights::Flight& flight, std::uint64_t tag) {
        if (flight.open > 0 || flight.seen == 0) {
            return;
        }
        const std::uint32_t group = flight.owner;
        flights_.release(tag);
        if (now() < window().until.load(std::memory_order_relaxed)) {
            send(group);
        }
    }

    std::vector<SubmitTemplate> messages_;
    std::optional<Phase> phase_;
};

void report_fanout(const Settings& settings, const Outcome& outcome, Report& report) {
    const Span* measured = outcome.span("measure");
    if (measured == nullptr) {
        return;
    }
    const Span& span = *measured;
    add_rates(report, span, outcome.tally, {"messages sent", "deliveries", "receipts"});
    add_costs(report, settings, span, static_cast<double>(outcome.tally.lines[kDelivered].counted),
              "");
    add_stages(report, outcome.tally, {"sent", "delivered"});
}

}  // namespace

Plan plan_fanout(const Settings& settings) {
    Plan plan;
    plan.steps = {{Phase::connect, "connect", false}, {Phase::measure, "measure", true}};
    plan.connections = settings.senders * (settings.pairs + 1);
    plan.warmup = settings.warmup;
    plan.stages = {"sent", "delivered", "receipted"};
    plan.make = [](const Shard::Place& place) { return std::make_unique<Fanout>(place); };
    plan.report = report_fanout;
    return plan;
}

}  // namespace parley::bench
