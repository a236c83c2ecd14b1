#include "schedule.h"
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
          pairs_(part(place.settings.pairs, place.thread, place.settings.threads)),
          message_({user("receiver", 0)}, settings_.text_bytes,
                   static_cast<std::int64_t>(unix_ms())) {
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            pairs_[i].unsent = i;
            pairs_[i].receiver = user("receiver", i);
        }
    }

  private:
    static constexpr std::uint8_t kLanded = 1 << kSent | 1 << kDelivered | 1 << kReceipted;
    struct Pair {
        UserId receiver;
        std::uint32_t inflight = 0;  // submissions without an answer
        std::uint64_t unsent = 0;    // open loop: the number of its first unsent message
    };

    Bytes hello_of(std::uint32_t index) override {
        return wire::encode(hello(user_of(index), index < pairs_.size() ? "r" : "s"));
    }
    UserId user_of(std::uint32_t index) const override {
        return index < pairs_.size() ? user("receiver", index)
                                     : user("sender", index - pairs_.size());
    }

    void begin(Phase phase) override {
        phase_ = phase;
        if (phase == Phase::connect) {
            return connect_all(0, 2 * pairs_.size());
        }
        if (settings_.rate > 0) {
            // Thread t has the messages n with n % threads = t, as far as the pairs divide evenly.
            const double share =
                static_cast<double>(pairs_.size()) / static_cast<double>(settings_.pairs);
            const auto offset =
                static_cast<Nanos>(1e9 / settings_.rate * static_cast<double>(place_.thread));
            schedule_.emplace(place_.orders.begun + offset, settings_.rate * share);
            return;
        }
        for (std::size_t k = 0; outstanding_fits() && k < settings_.outstanding; ++k) {
            for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
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
        const Nanos next = schedule_ ? send_due(until) : kForever;
        if (in_window_time()) {
            return std::min(next, until);
        }
        if (settled(flights_.under_way() == 0 && !unsent_left())) {
            count_all_missing(until);
            step_done();
        }
        return place_.orders.settled_by.load(std::memory_order_relaxed);
    }

    // Submits what is due; the window of a session may hold some of it back until answers come.
    Nanos send_due(Nanos until) {
        const Nanos moment = ticks();
        const std::uint64_t end = schedule_->due_before(std::min(moment + 1, until));
        for (; scheduled_ < end; ++scheduled_) {
            const auto pair = static_cast<std::uint32_t>(scheduled_ % pairs_.size());
            if (pairs_[pair].unsent != scheduled_ ||
                pairs_[pair].inflight >= inflight_submissions_) {
                continue;
            }
            const Nanos due = schedule_->due(scheduled_);
            if (window().holds(due)) {
                tally_.late.record((moment - due) / 1000);
            }
            send(pair, due);
            pairs_[pair].unsent += pairs_.size();
        }
        return schedule_->due(scheduled_);
    }

    bool unsent_left() const {
        return schedule_ && std::any_of(pairs_.begin(), pairs_.end(), [this](const Pair& pair) {
                   return pair.unsent < scheduled_;
               });
    }

    void send(std::uint32_t pair, Nanos due) {
        ++pairs_[pair].inflight;
        message_.address(pairs_[pair].receiver.value());
        submit(static_cast<std::uint32_t>(pairs_.size()) + pair, message_, due, pair, 1);
    }

    void on_answer(std::uint32_t index, std::string_view message_id) override {
        const auto pair = static_cast<std::uint32_t>(index - pairs_.size());
        --pairs_[pair].inflight;
        for (; schedule_ && pairs_[pair].unsent < scheduled_ &&
               pairs_[pair].inflight < inflight_submissions_;
             pairs_[pair].unsent += pairs_.size()) {
            send(pair, schedule_->due(pairs_[pair].unsent));
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
        if (!schedule_ && now() < window().until.load(std::memory_order_relaxed)) {
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
        if (!schedule_) {
            return;
        }
        const std::uint64_t end = schedule_->due_before(until);
        for (const Pair& pair : pairs_) {
            for (std::uint64_t n = pair.unsent; n < end; n += pairs_.size()) {
                for (const Stage stage : kAllStages) {
                    count_missing(stage, schedule_->due(n));
                }
            }
        }
    }

    std::vector<Pair> pairs_;
    SubmitTemplate message_;
    std::optional<Phase> phase_;
    std::optional<Schedule> schedule_;
    std::uint64_t scheduled_ = 0;  // how many were due so far
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
