#include "workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

// offline and storm: messages are stored for users who are away, who then come for them.
namespace parley::bench {
namespace {

constexpr std::size_t kSenders = 8;  // over all threads
constexpr std::size_t kStormOutstanding = 64;

bool is_storm(const Settings& settings) {
    return settings.workload == "storm";
}
bool come_at_all(const Settings& settings) {
    return settings.enrol || settings.drain || settings.resync;
}

// Connections: the users, unless none of them ever comes, then the senders. Message n is for user
// n % users.
class Absent final : public Shard {
  public:
    explicit Absent(const Place& place)
        : Shard(place, connections_of(place)),
          users_(part(place.settings.pairs, place.thread, place.settings.threads)),
          first_sender_(static_cast<std::uint32_t>(come_at_all(settings_) ? users_ : 0)),
          messages_(is_storm(settings_)
                        ? users_ * settings_.messages
                        : part(settings_.messages, place.thread, settings_.threads)),
          sender_(fmt::format("sender-{:x}", place.seed)),
          message_({user("absent", 0)}, settings_.text_bytes,
                   static_cast<std::int64_t>(unix_ms())) {}

  private:
    static std::size_t senders_of(const Place& place) {
        return std::max<std::size_t>(kSenders / place.settings.threads, 1);
    }
    static std::size_t connections_of(const Place& place) {
        const Settings& settings = place.settings;
        return senders_of(place) +
               (come_at_all(settings) ? part(settings.pairs, place.thread, settings.threads) : 0);
    }

    // How many messages wait for a user.
    std::size_t expected(std::uint32_t index) const {
        return messages_ / users_ + (index < messages_ % users_ ? 1 : 0);
    }
    std::size_t users_with_messages() const { return std::min(users_, messages_); }

    UserId user_of(std::uint32_t index) const override {
        return index < first_sender_ ? user("absent", index) : user(sender_, index - first_sender_);
    }
    Bytes hello_of(std::uint32_t index) override {
        if (index < hellos_.size()) {
            return std::move(hellos_[index]);
        }
        return wire::encode(hello(user_of(index), phase_ == Phase::resync ? "b" : "a"));
    }
    // Tokens are signed before the storm, not in it.
    void make_hellos() {
        for (std::uint32_t i = 0; i < users_; ++i) {
            wire::Hello mine = hello(user_of(i), "a");
            mine.cursor = Cursor{epoch_, heads_[i]};
            hellos_.push_back(wire::encode(std::move(mine)));
        }
    }

    void begin(Phase phase) override {
        phase_ = phase;
        switch (phase) {
            case Phase::enrol:
                return connect_all(0, users_);
            case Phase::connect:
                if (is_storm(settings_)) {
                    make_hellos();
                }
                return connect_all(first_sender_, senders_of(place_));
            case Phase::store:
                return store();
            case Phase::drain:
            case Phase::resync:
                return come();
            case Phase::measure:
                return;
        }
    }

    Nanos turn() override {
        // Their last acknowledgement was written in the turn before.
        for (const std::uint32_t index : leaving_) {
            reactor_.drop(index);
            through();
        }
        leaving_.clear();
        std::swap(leaving_, had_all_);
        if (phase_ && is_done()) {
            phase_.reset();
            step_done();
        }
        return leaving_.empty() ? kForever : now();
    }
    bool is_done() const {
        switch (*phase_) {
            case Phase::enrol:
            case Phase::connect:
                return all_through();
            case Phase::store:
                return answered_ == messages_;
            default:
                return served_ == users_with_messages() && leaving_.empty();
        }
    }

    void on_welcome(std::uint32_t index, const wire::Welcome& welcome) override {
        if (phase_ == Phase::enrol) {
            if (is_storm(settings_)) {
                epoch_ = welcome.head.epoch;
                heads_.resize(users_);
                heads_[index] = welcome.head.sequence;
            }
            reactor_.drop(index);
        }
        Shard::on_welcome(index, welcome);
    }

    void store() {
        if (!is_storm(settings_) && !outstanding_fits()) {
            return;
        }
        const std::size_t outstanding =
            is_storm(settings_) ? std::min<std::size_t>(kStormOutstanding, inflight_submissions_)
                                : settings_.outstanding;
        for (std::size_t k = 0; k < outstanding; ++k) {
            for (std::size_t i = 0; i < senders_of(place_); ++i) {
                send(static_cast<std::uint32_t>(i));
            }
        }
    }
    void send(std::uint32_t sender) {
        if (submitted_ < messages_) {
            message_.address(user("absent", submitted_ % users_).value());
            ++submitted_;
            submit(first_sender_ + sender, message_, now(), sender, 1);
        }
    }
    void on_answer(std::uint32_t, std::string_view message_id) override {
        std::uint64_t tag = 0;
        if (const Flights::Flight* flight = flight_of(message_id, tag)) {
            const std::uint32_t sender = flight->owner;
            count(kSent, flight->due);
            flights_.release(tag);
            ++answered_;
            send(sender);
        }
    }

    // The users come for what waits. In a storm they stay, as devices do.
    void come() {
        for (std::uint32_t i = 0; i < senders_of(place_); ++i) {
            reactor_.drop(first_sender_ + i);
        }
        served_ = 0;
        came_.assign(users_, 0);
        connect_all(0, users_with_messages(),
                    is_storm(settings_) ? Through::welcomed : Through::said);
    }
    void on_incoming(std::uint32_t index, std::string_view message_id) override {
        std::uint64_t tag = 0;
        if (!ids_.read(message_id, tag)) {
            return;  // of an earlier run with this name
        }
        count(phase_ == Phase::resync ? kReceipted : kDelivered);
        if (++came_[index] != expected(index)) {
            return;
        }
        ++served_;
        if (is_storm(settings_)) {
            count(kReceipted, window().from.load(std::memory_order_relaxed));
        } else {
            had_all_.push_back(index);
        }
    }

    std::size_t users_;
    std::uint32_t first_sender_;
    std::size_t messages_;
    // New in each run, also in one that has a name: a server would first tell them what they sent
    // in the runs before.
    std::string sender_;
    SubmitTemplate message_;
    std::optional<Phase> phase_;
    std::size_t submitted_ = 0, answered_ = 0, served_ = 0;
    std::vector<std::uint32_t> came_;
    std::vector<std::uint32_t> had_all_, leaving_;
    Epoch epoch_;
    std::vector<Sequence> heads_;
    std::vector<Bytes> hellos_;
};

Plan plan_absent(const Settings& settings) {
    Plan plan;
    if (settings.enrol) {
        plan.steps.push_back({Phase::enrol, "enrol", false});
    }
    plan.steps.push_back({Phase::connect, "connect", false});
    plan.steps.push_back({Phase::store, "store", false});
    plan.connections = std::min(settings.pairs, settings.connecting) + kSenders + settings.threads;
    plan.make = [](const Shard::Place& place) { return std::make_unique<Absent>(place); };
    return plan;
}

void report_offline(const Settings& settings, const Outcome& outcome, Report& report) {
    constexpr struct {
        Stage stage;
        const char* step;
        const char* done;
        const char* prefix;
    } kParts[] = {{kSent, "store", "stored", "store: "},
                  {kDelivered, "drain", "drained", ""},
                  {kReceipted, "resync", "resynced", "resync: "}};
    for (const auto& part : kParts) {
        const auto count = static_cast<double>(outcome.tally.lines[part.stage].counted);
        if (const Span* span = outcome.span(part.step)) {
            report.add(part.done, count / span->seconds, "/s");
            add_costs(report, settings, *span, count, part.prefix);
        }
    }
    add_stages(report, outcome.tally, {"stored"});
}

void report_storm(const Settings& settings, const Outcome& outcome, Report& report) {
    const Tally& tally = outcome.tally;
    if (const Span* span = outcome.span("storm")) {
        const auto count = static_cast<double>(tally.lines[kReceipted].counted);
        report.add("devices caught up", count / span->seconds, "/s");
        report.add("events", static_cast<double>(tally.lines[kDelivered].counted) / span->seconds,
                   "/s");
        add_costs(report, settings, *span, count, "");
        report.latencies.emplace_back("caught up", tally.lines[kReceipted].latency);
    }
}

}  // namespace

Plan plan_offline(const Settings& settings) {
    Plan plan = plan_absent(settings);
    if (settings.drain) {
        plan.steps.push_back({Phase::drain, "drain", false});
    }
    if (settings.resync) {
        plan.steps.push_back({Phase::resync, "resync", false});
    }
    plan.stages = {"stored", "drained", "resynced"};
    plan.report = report_offline;
    return plan;
}

Plan plan_storm(const Settings& settings) {
    Plan plan = plan_absent(settings);
    plan.steps.push_back({Phase::drain, "storm", false});
    plan.connections += settings.pairs;
    plan.stages = {"stored", "events", "caught up"};
    plan.report = report_storm;
    return plan;
}

}  // namespace parley::bench
