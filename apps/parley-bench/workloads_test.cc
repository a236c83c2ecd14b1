#include "coordinator.h"
#include "testing/fake_server.h"

#include "base/crypto.h"
#include "protocol/token.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

// The workloads against a server in this process: real sockets, threads and clock.
namespace parley::bench {
namespace {

using std::chrono::milliseconds;

Settings settings_for(const std::string& workload) {
    Settings settings;
    settings.workload = workload;
    settings.application = ApplicationKey("app");
    settings.secret = base64_encode("secret");
    settings.issuer_prefix = protocol::kDefaultIssuerPrefix;
    settings.run = "test";
    settings.pairs = 4;
    settings.seconds = 0.3;
    settings.warmup = 0;
    settings.settle = 1;
    return settings;
}

struct Measured {
    std::string failure;
    Outcome outcome;
    Report report;

    const Tally::Line& line(Stage stage) const { return outcome.tally.lines[stage]; }
    double figure(const std::string& name) const {
        for (const auto& figure : report.figures) {
            if (figure.name == name) {
                return figure.value;
            }
        }
        ADD_FAILURE() << "no figure " << name;
        return 0;
    }
};

Measured run_workload(const FakeServer& server, Settings settings, const Plan& plan) {
    settings.url = server.url();
    const auto target = Target::make(settings.url, "", settings.sources);
    EXPECT_TRUE(target);
    Measured run;
    static std::uint64_t seed = 7;  // another in each run, as in the program
    Coordinator coordinator(settings, *target, plan, seed++);
    run.failure = coordinator.run(run.outcome);
    plan.report(settings, run.outcome, run.report);
    return run;
}

TEST(OpenLoop, CountsTheWaitOfWhatWasDueWhileTheServerStoodStill) {
    const FakeServer server({.stall_at = 100, .stall = milliseconds(400)});
    Settings settings = settings_for("pairs");
    settings.rate = 500;
    settings.seconds = 1;
    settings.settle = 10;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    for (const Stage stage : {kSent, kDelivered, kReceipted}) {
        EXPECT_EQ(done.line(stage).latency.count(), 500u);
        EXPECT_EQ(done.line(stage).missing, 0u);
        // Of these, 200 were due in the 400 ms; a loop that waits for answers would have had 4.
        EXPECT_GE(done.line(stage).latency.max(), 390'000);
        EXPECT_GE(done.line(stage).latency.quantile(0.75), 100'000);
    }
    EXPECT_EQ(done.outcome.tally.late.count(), 500u);
}

TEST(OpenLoop, CountsWhatIsNeverAnswered) {
    const FakeServer server({.mute_from = 51});
    Settings settings = settings_for("pairs");
    settings.rate = 200;
    settings.seconds = 0.5;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    for (const Stage stage : {kSent, kDelivered, kReceipted}) {
        EXPECT_EQ(done.line(stage).latency.count(), 100u);
        EXPECT_EQ(done.line(stage).missing, 50u);
        // They have waited since they were due.
        EXPECT_GE(done.line(stage).latency.max(), 400'000);
    }
    EXPECT_EQ(done.figure("not sent"), 50);
    ASSERT_FALSE(done.report.warnings.empty());
}

TEST(OpenLoop, CountsTheWaitOfWhatTheWindowHeldBack) {
    // 2,500 are due in the half second, of which the window lets 1,024 out: 20 % of all. Two fifths
    // of all have waited for 100 ms and more when those behind the window count from their due
    // time.
    const FakeServer server({.stall_at = 100, .stall = milliseconds(500)});
    Settings settings = settings_for("pairs");
    settings.pairs = 1;
    settings.rate = 5000;
    settings.seconds = 1;
    settings.settle = 10;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(done.line(kSent).latency.count(), 5000u);
    EXPECT_EQ(done.line(kSent).missing, 0u);
    EXPECT_GE(done.line(kSent).latency.quantile(0.75), 100'000);
}

TEST(OpenLoop, HoldsBackWhatTheWindowOfASessionHasNoRoomFor) {
    // More is due than the 1,024 submissions that a session may have under way; none is answered.
    const FakeServer server({.mute_from = 1});
    Settings settings = settings_for("pairs");
    settings.pairs = 1;
    settings.rate = 10'000;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.submissions(), Limits{}.inflight_submissions);
    EXPECT_EQ(done.outcome.tally.late.count(), 3000u);
    EXPECT_EQ(done.line(kSent).missing, 3000u);
}

TEST(ClosedLoop, RunsOnSeveralThreadsAndEndsWithNothingUnderWay) {
    const FakeServer server({});
    Settings settings = settings_for("pairs");
    settings.threads = 3;
    settings.outstanding = 5;
    settings.text_bytes = 5000;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.hellos(), 8u);
    EXPECT_GT(done.line(kReceipted).counted, 0u);
    EXPECT_EQ(done.line(kSent).latency.count(), server.submissions());
    EXPECT_EQ(done.line(kReceipted).latency.count(), server.submissions());
    EXPECT_EQ(done.line(kReceipted).missing, 0u);
}

TEST(ClosedLoop, TellsWhoWasRefusedAndWhy) {
    const FakeServer server({.refuse_at = 20});
    const Settings settings = settings_for("pairs");
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_TRUE(done.failure.starts_with("test-sender-0000000")) << done.failure;
    EXPECT_TRUE(done.failure.ends_with(": not today")) << done.failure;
}

TEST(ClosedLoop, RefusesToHaveMoreUnderWayThanASessionMay) {
    const FakeServer server({});
    const std::pair<const char*, Plan (*)(const Settings&)> workloads[] = {
        {"pairs", plan_pairs}, {"fanout", plan_fanout}, {"offline", plan_offline}};
    for (const auto& [workload, plan] : workloads) {
        Settings settings = settings_for(workload);
        settings.messages = 10;
        settings.outstanding = Limits{}.inflight_submissions + 1;
        const Measured done = run_workload(server, settings, plan(settings));
        EXPECT_NE(done.failure.find("--outstanding 1025"), std::string::npos) << done.failure;
    }
    EXPECT_EQ(server.submissions(), 0u);
}

TEST(ClosedLoop, ReportsWhatItHasWhenInterrupted) {
    sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    // As in the program, before the first thread: else the signal ends the test.
    ::pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
    const FakeServer server({.on_submission = [](std::size_t number) {
        if (number == 50) {
            ::kill(::getpid(), SIGINT);
        }
    }});
    Settings settings = settings_for("pairs");
    settings.seconds = 600;
    const Measured done = run_workload(server, settings, plan_pairs(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_TRUE(done.outcome.interrupted);
    EXPECT_GT(done.figure("messages sent"), 0);
    EXPECT_GE(done.line(kSent).latency.count(), 40u);
}

TEST(Offline, StoresDrainsAndReadsAgainEveryMessage) {
    const FakeServer server({});
    Settings settings = settings_for("offline");
    settings.pairs = 7;
    settings.threads = 2;
    settings.messages = 1000;
    settings.outstanding = 16;
    settings.resync = true;
    const Measured done = run_workload(server, settings, plan_offline(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.submissions(), 1000u);
    EXPECT_EQ(server.hellos(), 7u + 8u + 7u + 7u);
    for (const Stage stage : {kSent, kDelivered, kReceipted}) {
        EXPECT_EQ(done.line(stage).counted, 1000u);
    }
    EXPECT_EQ(done.line(kSent).latency.count(), 1000u);
    EXPECT_GT(done.figure("stored"), 0);
    EXPECT_GT(done.figure("drained"), 0);
    EXPECT_GT(done.figure("resynced"), 0);
}

TEST(Offline, MayOnlyStore) {
    const FakeServer server({});
    Settings settings = settings_for("offline");
    settings.messages = 100;
    settings.enrol = settings.drain = false;
    const Measured done = run_workload(server, settings, plan_offline(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.submissions(), 100u);
    EXPECT_EQ(server.hellos(), 8u);
}

// The senders of the run before would be told first what they sent in it, and cost the server that.
TEST(Offline, HasNewSendersInEachRunOfAName) {
    const FakeServer server({});
    Settings settings = settings_for("offline");
    settings.messages = 100;
    settings.enrol = settings.drain = false;
    for (const std::size_t users : {8u, 16u}) {
        EXPECT_EQ(run_workload(server, settings, plan_offline(settings)).failure, "");
        EXPECT_EQ(server.users(), users);
    }
}

TEST(Storm, EndsWhenEveryDeviceHasCaughtUp) {
    const FakeServer server({});
    Settings settings = settings_for("storm");
    settings.pairs = 40;
    settings.threads = 2;
    settings.messages = 3;
    const Measured done = run_workload(server, settings, plan_storm(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.submissions(), 120u);
    EXPECT_EQ(done.line(kDelivered).counted, 120u);
    EXPECT_EQ(done.line(kReceipted).latency.count(), 40u);
    EXPECT_GT(done.figure("devices caught up"), 0);
}

// 15,000 connections of one address cost the generator twice the time: half of its ports are
// taken, and each connect() looks for a free one.
TEST(Storm, ComesFromSeveralAddressesOfThisMachineUnlessToldFromWhich) {
    const FakeServer server({});
    Settings settings = settings_for("storm");
    settings.pairs = 40;
    settings.messages = 1;
    settings.sources = {"127.0.0.7"};
    EXPECT_EQ(run_workload(server, settings, plan_storm(settings)).failure, "");
    EXPECT_EQ(server.addresses(), 1u);
    settings.sources.clear();
    EXPECT_EQ(run_workload(server, settings, plan_storm(settings)).failure, "");
    EXPECT_EQ(server.addresses(), 16u);
}

TEST(Fanout, WaitsForAllRecipientsOfAMessage) {
    const FakeServer server({});
    Settings settings = settings_for("fanout");
    settings.pairs = 10;
    settings.senders = 3;
    settings.threads = 2;
    settings.outstanding = 2;
    const Measured done = run_workload(server, settings, plan_fanout(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_GT(server.submissions(), 6u);
    EXPECT_EQ(done.line(kSent).latency.count(), server.submissions());
    EXPECT_EQ(done.line(kDelivered).latency.count(), 10 * server.submissions());
    EXPECT_EQ(done.line(kDelivered).missing, 0u);
}

TEST(Idle, HoldsItsConnections) {
    const FakeServer server({});
    Settings settings = settings_for("idle");
    settings.pairs = 100;
    settings.sources = {"127.0.0.1-127.0.0.3"};
    const Measured done = run_workload(server, settings, plan_idle(settings));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(server.hellos(), 100u);
    EXPECT_GT(done.figure("connected"), 0);
}

TEST(Report, WarnsWhenTheGeneratorMeasuredItself) {
    Report report;
    Span span;
    span.seconds = span.counted_seconds = 10;
    span.busiest = 8.4;
    add_costs(report, Settings{}, span, 1, "");
    EXPECT_TRUE(report.warnings.empty());
    span.busiest = 8.6;
    add_costs(report, Settings{}, span, 1, "");
    ASSERT_EQ(report.warnings.size(), 1u);
    EXPECT_NE(report.warnings[0].find("86 %"), std::string::npos) << report.warnings[0];
}

TEST(Report, TellsHowLateTheGeneratorWasInAnOpenLoop) {
    Tally threads[2];
    threads[0].late.record(5);
    threads[1].late.record(70'000);
    Outcome outcome;
    outcome.spans.push_back({.name = "measure", .seconds = 1, .counted_seconds = 1});
    outcome.tally.add(threads[0]);
    outcome.tally.add(threads[1]);
    Settings settings = settings_for("pairs");
    for (const double rate : {0.0, 100.0}) {
        settings.rate = rate;
        Report report;
        plan_pairs(settings).report(settings, outcome, report);
        const auto line =
            std::find_if(report.latencies.begin(), report.latencies.end(),
                         [](const auto& one) { return one.first == "generator was late"; });
        ASSERT_EQ(line != report.latencies.end(), rate > 0);
        if (rate > 0) {
            EXPECT_EQ(line->second.count(), 2u);
            EXPECT_EQ(line->second.quantile(0.5), 5);
            EXPECT_EQ(line->second.max(), 70'000);
        }
    }
}

TEST(Report, WarnsWhenTheGeneratorPaysForPorts) {
    constexpr std::pair<std::size_t, std::size_t> kEnough[] = {
        {14'000, 0}, {14'000, 1}, {28'001, 2}, {224'000, 16}};
    constexpr std::pair<std::size_t, std::size_t> kTooMany[] = {
        {14'001, 0}, {14'001, 1}, {28'002, 2}, {240'000, 16}};
    for (const auto& [connections, addresses] : kEnough) {
        Report report;
        add_ports(report, connections, addresses);
        EXPECT_TRUE(report.warnings.empty()) << connections << " from " << addresses;
    }
    for (const auto& [connections, addresses] : kTooMany) {
        Report report;
        add_ports(report, connections, addresses);
        ASSERT_EQ(report.warnings.size(), 1u) << connections << " from " << addresses;
        EXPECT_NE(report.warnings[0].find("--source"), std::string::npos);
    }
}

TEST(Target, ConnectsToAnIpv4LoopbackAddressFromSeveralAndElsewhereAsTheSystemChooses) {
    const auto sources_of = [](const std::string& url, const std::vector<std::string>& given) {
        const auto target = Target::make(url, "", given);
        return target ? target->sources().size() : SIZE_MAX;
    };
    EXPECT_EQ(sources_of("ws://127.0.0.1:7700", {}), 16u);
    EXPECT_EQ(sources_of("ws://127.1.2.3:7700", {}), 16u);
    EXPECT_EQ(sources_of("ws://192.0.2.1:7700", {}), 0u);
    EXPECT_EQ(sources_of("ws://[::1]:7700", {}), 0u);
    EXPECT_EQ(sources_of("ws://127.0.0.1:7700", {"127.0.0.5"}), 1u);
}

// 240.0.0.0/4 is reserved (RFC 1112): no machine has such an address.
TEST(Target, ConnectsFromNoAddressThatThisMachineDoesNotHave) {
    auto target =
        Target::make("ws://127.0.0.1:7700", "", {"127.0.0.1-127.0.0.2", "240.0.0.1-240.0.0.3"});
    ASSERT_TRUE(target);
    std::vector<SocketAddress> addresses = target->sources();
    ASSERT_EQ(addresses.size(), 5u);
    drop_foreign(addresses);
    EXPECT_EQ(addresses.size(), 2u);
}

TEST(Target, SaysWhatDoesNotFit) {
    const auto error_of = [](const std::string& url, const std::string& source) {
        const auto target = Target::make(
            url, "", source.empty() ? std::vector<std::string>() : std::vector{source});
        return target ? "" : target.error().description;
    };
    EXPECT_EQ(error_of("ws://127.0.0.1:7700", "127.0.0.1-127.0.0.9"), "");
    EXPECT_EQ(error_of("wss://[::1]:7700/", "::1"), "");
    EXPECT_NE(error_of("http://127.0.0.1:7700", ""), "");
    EXPECT_NE(error_of("ws://", ""), "");
    EXPECT_NE(error_of("ws://[::1:7700", ""), "");
    EXPECT_NE(error_of("ws://127.0.0.1:7700/other", ""), "");
    EXPECT_NE(error_of("ws://127.0.0.1:7700", "127.0.0.9-127.0.0.1"), "");
    EXPECT_NE(error_of("ws://127.0.0.1:7700", "0.0.0.0-255.255.255.255"), "");
    EXPECT_NE(error_of("ws://127.0.0.1:7700", "::1"), "");
    EXPECT_NE(error_of("ws://127.0.0.1:7700", "localhost"), "");
}

}  // namespace
}  // namespace parley::bench
