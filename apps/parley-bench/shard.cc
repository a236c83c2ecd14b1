#include "shard.h"

#include "protocol/token.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

namespace parley::bench {
namespace {

// One writer: a load and a store are enough.
void add_one(std::atomic<std::uint64_t>& number) {
    number.store(number.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

Shard::Shard(const Place& place, std::size_t connections)
    : place_(place),
      settings_(place.settings),
      reactor_(place.target, *this, connections, place.seed),
      ids_(place.seed) {}

void Shard::run() {
    standing_.tid = ::gettid();
    // The kernel may put a wait's end off by 50 us to save wake-ups; a schedule wants it on time.
    ::prctl(PR_SET_TIMERSLACK, 1);
    while (!place_.orders.quit.load(std::memory_order_acquire)) {
        if (const auto step = place_.orders.step.load(std::memory_order_acquire); step != step_) {
            step_ = step;
            reactor_.look_at_clock();
            begin(place_.steps[step - 1].phase);
        }
        const Nanos wake_at = turn();
        reactor_.flush();
        reactor_.wait(wake_at);
    }
}

wire::Hello Shard::hello(const UserId& user, const std::string& device) const {
    protocol::TokenClaims claims;
    claims.application = settings_.application;
    claims.user = user;
    claims.issued_at = wall_time_from_ms(static_cast<std::int64_t>(unix_ms()));
    claims.expires_at = claims.issued_at + std::chrono::hours(24);
    claims.nonce = user.value();
    wire::Hello hello;
    hello.token =
        protocol::sign_token(claims, settings_.secret, settings_.issuer_prefix).value_or("");
    hello.device_id = DeviceId(device);
    hello.supports_messaging = true;
    hello.sdk = "parley-bench";
    return hello;
}

UserId Shard::user(std::string_view role, std::size_t index) const {
    const std::size_t global = index * settings_.threads + place_.thread;
    return UserId(fmt::format("{}-{}-{:08}", settings_.run, role, global));
}

void Shard::connect_all(std::uint32_t first, std::size_t count, Through when) {
    next_ = first;
    last_ = first + static_cast<std::uint32_t>(count);
    when_ = when;
    connect_more();
}

void Shard::connect_more() {
    const std::size_t most = std::max<std::size_t>(settings_.connecting / settings_.threads, 1);
    while (next_ < last_ && making_ < most) {
        ++making_;
        reactor_.connect(next_++);
    }
}

void Shard::on_welcome(std::uint32_t, const wire::Welcome& welcome) {
    inflight_submissions_ = std::max(welcome.limits.inflight_submissions, 1u);
    add_one(standing_.connected);
    if (when_ == Through::welcomed) {
        through();
    }
}

void Shard::through() {
    --making_;
    connect_more();
}

void Shard::on_refused(std::uint32_t index, const std::string& why) {
    fail(user_of(index).value() + ": " + why);
}

void Shard::on_end(std::uint32_t index, const std::string& why) {
    fail(user_of(index).value() + ": " + why);
}

void Shard::step_done() {
    done_ = step_;
    standing_.step_done.store(step_, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(place_.orders.changed, &one, sizeof one);
}

bool Shard::outstanding_fits() {
    if (settings_.outstanding <= inflight_submissions_) {
        return true;
    }
    fail(
        fmt::format("--outstanding {} is more than the {} submissions that the server lets a "
                    "session have under way",
                    settings_.outstanding, inflight_submissions_));
    return false;
}

bool Shard::settled(bool nothing_under_way) {
    return done_ != step_ && !in_window_time() &&
           (nothing_under_way || now() >= place_.orders.settled_by.load(std::memory_order_relaxed));
}

void Shard::fail(std::string why) {
    if (standing_.failed) {
        return;
    }
    standing_.failure = std::move(why);
    standing_.failed.store(true, std::memory_order_release);
    step_done();
}

void Shard::submit(std::uint32_t index, const SubmitTemplate& message, Nanos due,
                   std::uint32_t owner, std::uint32_t deliveries) {
    const std::uint64_t tag = flights_.take(due, owner, deliveries);
    message.append(reactor_.output(index), ids_, unix_ms(), tag, reactor_.mask());
}

Flights::Flight* Shard::flight_of(std::string_view message_id, std::uint64_t& tag) {
    return ids_.read(message_id, tag) ? flights_.find(tag) : nullptr;
}

void Shard::count(Stage stage) {
    add_one(standing_.counts[stage]);
    if (window().holds(now())) {
        ++tally_.lines[stage].counted;
    }
}

void Shard::count(Stage stage, Nanos due) {
    count(stage);
    if (window().holds(due)) {
        tally_.lines[stage].latency.record((now() - due) / 1000);
    }
}

void Shard::count_missing(Stage stage, Nanos due) {
    if (window().holds(due)) {
        ++tally_.lines[stage].missing;
        tally_.lines[stage].latency.record((now() - due) / 1000);
    }
}

}  // namespace parley::bench
