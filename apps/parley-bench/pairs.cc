#include "open_loop.h"
#include "workloads.h"

#include <algorithm>
#include <optional>

namespace parley::bench {
namespace {

constexpr Stage kAllStages[] = {kSent, kDelivered, kReceipted};

// Online 1:1. A message has landed when its receipt is back at the sender. Connections: the
// receivers, then the senders.
class Pairs final : public Shard {
  public:
    explicit Pairs(const Place& place)
        : Shard(place, 2 * part(place.settings.pairs, place.thread, place.settings.threads)),
          receivers_(part(place.settings.pairs, place.thread, place.settings.threads)),
          message_({user("receiver", 0)}, settings_.text_bytes,
                   static_cast<std::int64_t>(unix_ms())) {
        for (std::size_t i = 0; i < receivers_.size(); ++i) {
            receivers_[i] = user("receiver", i);
        }
    }

  private:
    static constexpr std::uint8_t kLanded = 1 << kSent | 1 << kDelivered | 1 << kReceipted;

    Bytes hello_of(std::uint32_t index) override {
        return wire::encode(hello(user_of(index), index < receivers_.size() ? "r" : "s"));
    }
    UserId user_of(std::uint32_t index) const override {
        return index < receivers_.size() ? user("receiver", index)
                                         : user("sender", index - receivers_.size());
    }

    void begin(Phase phase) override {
        phase_ = phase;
        if (phase == Phase::connect) {
            return connect_all(0, 2 * receivers_.size());
        }
        if (settings_.rate > 0) {
            // Thread t has the messages n with n % threads = t, as far as the pairs divide evenly.
            const double share =
                static_cast<double>(receivers_.size()) / static_cast<double>(settings_.pairs);
            const auto offset =
                static_cast<Nanos>(1e9 / settings_.rate * static_cast<double>(place_.thread));
            open_loop_.emplace(Schedule(place_.orders.begun + offset, settings_.rate * share),
                               receivers_.size());
            return;
        }
        for (std::size_t k = 0; outstanding_fits() && k < settings_.outstanding; ++k) {
            for (std::uint32_t i = 0; i < receivers_.size(); ++i) {
                send(i, now());
            }
        }
    }

    Nanos turn() override {
        if (phase_ != Phase::measure) {
            if (phase_ == Phase::connect && all_through()) {
                phase_.reset();
                step_done();
            }
            return kForever;
        }
        const Nanos until = window().until.load(std::memory_order_relaxed);
        const Nanos next = open_loop_ ? send_due() : kForever;
        if (in_window_time()) {
            return std::min(next, until);
        }
        if (settled(flights_.under_way() == 0 && !(open_loop_ && open_loop_->holds_back()))) {
            count_all_missing(until);
            step_done();
        }
        return place_.orders.settled_by.load(std::memory_order_relaxed);
    }

    Nanos send_due() {
        return open_loop_->send_due(ticks(), window(), inflight_submissions_, tally_.late,
                                    [this](std::uint32_t pair, Nanos due) { send(pair, due); });
    }

    void send(std::uint32_t pair, Nanos due) {
        message_.address(receivers_[pair].value());
        submit(static_cast<std::uint32_t>(receivers_.size()) + pair, message_, due, pair, 1);
    }

    void on_answer(std::uint32_t index, std::string_view message_id) override {
        if (open_loop_) {
            open_loop_->answered(static_cast<std::uint32_t>(index - receivers_.size()),
                                 inflight_submissions_,
                                 [this](std::uint32_t pair, Nanos due) { send(pair, due); });
        }
        seen(kSent, message_id);
    }
    void on_incoming(std::uint32_t, std::string_view message_id) override {
        seen(kDelivered, message_id);
    }
    void on_delivered(std::uint32_t, std::string_view message_id) override {
        seen(kReceipted, message_id);
    }

    void seen(Stage stage, std::string_view message_id) {
        std::uint64_t tag = 0;
        Flights::Flight* flight = flight_of(message_id, tag);
        if (flight == nullptr || (flight->seen >> stage & 1) != 0) {
            return;
        }
        flight->seen = static_cast<std::uint8_t>(flight->seen | 1 << stage);
        count(stage, flight->due);
        if (flight->seen != kLanded) {
            return;
        }
        const std::uint32_t pair = flight->owner;
        flights_.release(tag);
        if (!open_loop_ && now() < window().until.load(std::memory_order_relaxed)) {
            send(pair, now());
        }
    }

    void count_all_missing(Nanos until) {
        flights_.for_each([this](const Flights::Flight& flight) {
            for (const Stage stage : kAllStages) {
                if ((flight.seen >> stage & 1) == 0) {
                    count_missing(stage, flight.due);
                }
            }
        });
        if (!open_loop_) {
            return;
        }
        open_loop_->for_each_unsent(until, [this](Nanos due) {
            for (const Stage stage : kAllStages) {
                count_missing(stage, due);
            }
        });
    }

    std::vector<UserId> receivers_;
    SubmitTemplate message_;
    std::optional<Phase> phase_;
    std::optional<OpenLoop> open_loop_;
};

void report_pairs(const Settings& settings, const Outcome& outcome, Report& report) {
    const Span* measured = outcome.span("measure");
    if (measured == nullptr) {
        return;
    }
    const Span& span = *measured;
    add_rates(report, span, outcome.tally,
              {"messages sent", "messages delivered", "messages receipted"});
    add_costs(report, settings, span, static_cast<double>(outcome.tally.lines[kReceipted].counted),
              "");
    add_stages(report, outcome.tally, {"sent", "delivered", "receipted"});
    if (settings.rate > 0) {
        report.latencies.emplace_back("generator was late", outcome.tally.late);
    }
}

}  // namespace

Plan plan_pairs(const Settings& settings) {
    Plan plan;
    plan.steps = {{Phase::connect, "connect", false}, {Phase::measure, "measure", true}};
    plan.connections = 2 * settings.pairs;
    plan.warmup = settings.warmup;
    plan.stages = {"sent", "delivered", "receipted"};
    plan.make = [](const Shard::Place& place) { return std::make_unique<Pairs>(place); };
    plan.report = report_pairs;
    return plan;
}

}  // namespace parley::bench
