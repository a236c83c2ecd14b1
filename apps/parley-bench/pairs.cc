#include "schedule.h"
#include "workloads.h"

#include <optional>

namespace parley::bench {
namespace {

// Online 1:1. A message has landed when its receipt is back at the sender. Connections: the
// receivers, then the senders.
class Pairs final : public Shard {
  public:
    explicit Pairs(const Place& place)
        : Shard(place, 2 * part(place.settings.pairs, place.thread, place.settings.threads)),
          pairs_(part(place.settings.pairs, place.thread, place.settings.threads)) {
        const auto created = static_cast<std::int64_t>(unix_ms());
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            pairs_[i].unsent = i;
            pairs_[i].submit.emplace(std::vector{user("receiver", i)},
                                     std::string(settings_.text_bytes, 'x'), created);
        }
    }

  private:
    static constexpr std::uint8_t kLanded = 1 << kSent | 1 << kDelivered | 1 << kReceipted;
    struct Pair {
        std::optional<SubmitTemplate> submit;
        std::uint32_t inflight = 0;  // submissions without an answer
        std::uint64_t unsent = 0;    // open loop: the number of its first unsent message
    };

    wire::Hello hello_of(std::uint32_t index) override {
        return hello(user_of(index), index < pairs_.size() ? "r" : "s");
    }
    UserId user_of(std::uint32_t index) const override {
        return index < pairs_.size() ? user("receiver", index)
                                     : user("sender", index - pairs_.size());
    }

    void begin(std::size_t step) override {
        if (step == 1) {
            connecting_ = true;
            return connect_all(0, 2 * pairs_.size());
        }
        running_ = true;
        if (settings_.rate > 0) {
            // Thread t has the messages n with n % threads = t, as far as the pairs divide evenly.
            const double share =
                static_cast<double>(pairs_.size()) / static_cast<double>(settings_.pairs);
            const auto offset =
                static_cast<Nanos>(1e9 / settings_.rate * static_cast<double>(place_.thread));
            schedule_.emplace(ticks() + offset, settings_.rate * share);
            return;
        }
        for (std::size_t k = 0; k < settings_.outstanding; ++k) {
            for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
                submit(i, now());
            }
        }
    }

    Nanos turn() override {
        if (!running_) {
            if (connecting_ && all_connected()) {
                connecting_ = false;
                step_done();
            }
            return kForever;
        }
        const Nanos until = window().until.load(std::memory_order_relaxed);
        const Nanos next = schedule_ ? send_due(until) : kForever;
        if (ticks() < until) {
            return std::min(next, until);
        }
        const Nanos settled_by = place_.orders.settled_by.load(std::memory_order_relaxed);
        if (!settled_ && ((flights_.under_way() == 0 && !unsent_left()) || now() >= settled_by)) {
            settled_ = true;
            count_missing(until);
            step_done();
        }
        return settled_ ? kForever : settled_by;
    }

    // Submits what is due; the window of a session may hold some of it back until answers come.
    Nanos send_due(Nanos until) {
        const Nanos moment = ticks();
        const std::uint64_t end = schedule_->due_before(std::min(moment + 1, until));
        for (; scheduled_ < end; ++scheduled_) {
            const auto pair = static_cast<std::uint32_t>(scheduled_ % pairs_.size());
            if (pairs_[pair].unsent == scheduled_ &&
                pairs_[pair].inflight < inflight_submissions_) {
                const Nanos due = schedule_->due(scheduled_);
                if (window().holds(due)) {
                    tally_.late.record((moment - due) / 1000);
                }
                submit(pair, due);
                pairs_[pair].unsent += pairs_.size();
            }
        }
        return schedule_->due(scheduled_);
    }

    bool unsent_left() const {
        for (const Pair& pair : pairs_) {
            if (schedule_ && pair.unsent < scheduled_) {
                return true;
            }
        }
        return false;
    }

    void submit(std::uint32_t pair, Nanos due) {
        const std::uint64_t tag = flights_.take(due, pair, 1);
        ++pairs_[pair].inflight;
        pairs_[pair].submit->append(
            reactor_.output(static_cast<std::uint32_t>(pairs_.size()) + pair), ids_, unix_ms(), tag,
            reactor_.mask());
    }

    void on_answer(std::uint32_t index, std::string_view message_id) override {
        const auto pair = static_cast<std::uint32_t>(index - pairs_.size());
        --pairs_[pair].inflight;
        for (; schedule_ && pairs_[pair].unsent < scheduled_ &&
               pairs_[pair].inflight < inflight_submissions_;
             pairs_[pair].unsent += pairs_.size()) {
            submit(pair, schedule_->due(pairs_[pair].unsent));
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
        Flights::Flight* flight = ids_.read(message_id, tag) ? flights_.find(tag) : nullptr;
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
            submit(pair, now());
        }
    }

    // What was due and did not come counts as missing, and with the time that it has waited so far:
    // left out, it would make the figures better the worse the server is.
    void count_missing(Nanos until) {
        const auto missing = [this](Stage stage, Nanos due) {
            if (window().holds(due)) {
                ++tally_.lines[stage].missing;
                tally_.lines[stage].latency.record((now() - due) / 1000);
            }
        };
        flights_.for_each([&](const Flights::Flight& flight) {
            for (const Stage stage : {kSent, kDelivered, kReceipted}) {
                if ((flight.seen >> stage & 1) == 0) {
                    missing(stage, flight.due);
                }
            }
        });
        for (const Pair& pair : pairs_) {
            for (std::uint64_t n = pair.unsent; schedule_ && n < schedule_->due_before(until);
                 n += pairs_.size()) {
                for (const Stage stage : {kSent, kDelivered, kReceipted}) {
                    missing(stage, schedule_->due(n));
                }
            }
        }
    }

    std::vector<Pair> pairs_;
    bool connecting_ = false, running_ = false, settled_ = false;
    std::optional<Schedule> schedule_;
    std::uint64_t scheduled_ = 0;  // how many were due so far
};

void report_pairs(const Settings& settings, const Outcome& outcome, Report& report) {
    const Span& span = outcome.spans.back();
    add_rates(report, span, outcome.tally,
              {"messages sent", "messages delivered", "messages receipted"});
    add_costs(report, settings, span, static_cast<double>(outcome.tally.lines[kReceipted].counted),
              "");
    add_stages(report, settings, outcome.tally, {"sent", "delivered", "receipted"});
}

}  // namespace

Plan plan_pairs(const Settings& settings) {
    Plan plan;
    plan.steps = {{"connect", false}, {"measure", true}};
    plan.connections = 2 * settings.pairs;
    plan.warmup = settings.warmup;
    plan.make = [](const Shard::Place& place) { return std::make_unique<Pairs>(place); };
    plan.report = report_pairs;
    return plan;
}

}  // namespace parley::bench
