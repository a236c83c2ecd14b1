#include "coordinator.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

// parley-bench: the load generator (docs/cli.md). One command a workload against a running server.
namespace parley::bench {
namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;
constexpr int kInterrupted = 130;

int complain(const std::string& what, int code) {
    std::cerr << "parley-bench: " << what << '\n';
    return code;
}

bool read_application(const std::string& file, Settings& settings, std::string& why) {
    std::ifstream in(file);
    if (!in) {
        why = "--app " + file +
              " can't be read: it is the file that parleyd makes at its first start "
              "(application.json)";
        return false;
    }
    const auto json = nlohmann::json::parse(in, nullptr, false);
    const auto text = [&](const char* key) {
        const auto at = json.is_object() ? json.find(key) : json.end();
        return json.is_object() && at != json.end() && at->is_string() ? at->get<std::string>()
                                                                       : std::string();
    };
    settings.application = ApplicationKey(text("applicationKey"));
    settings.secret = text("applicationSecret");
    const std::string issuer = text("issuer");
    if (settings.application.value().empty() || settings.secret.empty() ||
        !issuer.ends_with(settings.application.value())) {
        why = "--app " + file +
              " is no application file: applicationKey, applicationSecret and issuer are expected";
        return false;
    }
    settings.issuer_prefix = issuer.substr(0, issuer.size() - settings.application.value().size());
    return true;
}

void add_options(CLI::App& app, Settings& settings, std::string& file, bool& json) {
    app.add_option("--server", settings.url, "ws://HOST:PORT or wss://HOST:PORT")
        ->capture_default_str();
    app.add_option("--ca", settings.ca_file, "PEM file of certificates to trust, for wss");
    app.add_option("--app", file, "application.json of the server")->capture_default_str();
    app.add_option("--server-pid", settings.server_pid, "report CPU and memory of this process")
        ->check(CLI::PositiveNumber);
    app.add_option("--text-bytes", settings.text_bytes, "length of each text")
        ->capture_default_str();
    app.add_option("--seconds", settings.seconds, "how long to measure")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 86400.0));
    app.add_option("--warmup", settings.warmup, "seconds of load before the measurement (pairs, fanout)")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 3600.0));
    app.add_option("--settle", settings.settle,
                   "seconds after the measurement to wait for answers to it (pairs, fanout)")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 3600.0));
    app.add_option("--threads", settings.threads, "threads of the generator")
        ->capture_default_str()
        ->check(CLI::Range(1, 256));
    app.add_option("--source", settings.sources,
                   "address to connect from, or a range such as 127.0.0.1-127.0.0.20; may be "
                   "repeated: connections take them in turn (default to an IPv4 loopback address: "
                   "127.0.0.1-127.0.0.16)");
    app.add_option("--run", settings.run,
                   "in the names of the users; a second run with the same name meets them again");
    app.add_option("--connecting", settings.connecting, "connections in the making at once")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    app.add_flag("--progress,!--no-progress", settings.progress,
                 "a line a second on standard error (default: if that is a terminal)");
    app.add_flag("--json", json, "one JSON object instead of a table");
}

void add_workloads(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, const char* what) {
        auto* command = app.add_subcommand(name, what);
        command->fallthrough();
        command->footer("Besides, what goes with every workload: parley-bench --help.");
        command->callback([&settings, name] { settings.workload = name; });
        return command;
    };
    const auto positive = CLI::Range(std::size_t{1}, std::size_t{10'000'000});
    auto* pairs =
        add("pairs", "online, one to one: submission, sent, delivery and receipt are one message");
    pairs->add_option("-P,--pairs", settings.pairs, "pairs of users")
        ->capture_default_str()
        ->check(positive);
    pairs->add_option("-W,--outstanding", settings.outstanding, "messages under way per pair")
        ->capture_default_str()
        ->check(positive);
    pairs
        ->add_option("--rate", settings.rate,
                     "messages/s in all, whether or not the server keeps up (open loop)")
        ->check(CLI::Range(0.0, 1e7));
    auto* offline = add("offline", "stores for absent users, then drains them");
    offline->add_option("-U,--users", settings.pairs, "absent users")
        ->capture_default_str()
        ->check(positive);
    offline->add_option("-N,--messages", settings.messages, "messages in all (100000)")
        ->check(positive);
    offline
        ->add_option("-W,--outstanding", settings.outstanding, "submissions under way per sender")
        ->capture_default_str()
        ->check(positive);
    offline->add_flag("!--no-enrol", settings.enrol,
                      "the users never connected before: for a server that holds messages for "
                      "unknown users");
    offline->add_flag("!--no-drain", settings.drain, "leave the messages there");
    offline->add_flag("--resync", settings.resync,
                      "fetch all messages once more, each user with a new device");
    auto* idle = add("idle", "connections that say nothing");
    idle->add_option("-N,--connections", settings.pairs, "connections")
        ->capture_default_str()
        ->check(positive);
    auto* fanout = add("fanout", "one message to many recipients, all online");
    fanout->add_option("-R,--recipients", settings.pairs, "recipients of each message")
        ->capture_default_str()
        ->check(positive);
    fanout->add_option("--senders", settings.senders, "senders, each with recipients of its own")
        ->capture_default_str()
        ->check(positive);
    fanout->add_option("-W,--outstanding", settings.outstanding, "messages under way")
        ->capture_default_str()
        ->check(positive);
    auto* storm = add("storm", "devices that reconnect at once and catch up");
    storm->add_option("-N,--devices", settings.pairs, "devices")
        ->capture_default_str()
        ->check(positive);
    storm->add_option("-E,--events", settings.messages, "events that wait for each (3)")
        ->check(positive);
    app.require_subcommand(1);
}

// Every connection is a descriptor. The limit that a process may set itself is the hard one.
std::string raise_descriptor_limit(std::size_t connections) {
    constexpr std::size_t kOthers = 64;
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    if (connections + kOthers <= descriptors.rlim_cur) {
        return {};
    }
    return fmt::format(
        "{} connections need {} descriptors, and this process may have {}: raise its limit "
        "(ulimit -Hn), or share the connections out over several processes",
        connections, connections + kOthers, descriptors.rlim_cur);
}

int print(const Settings& settings, const Report& report, bool json) {
    std::cout << (json ? as_json(settings, report) + '\n' : as_table(settings, report));
    for (const std::string& warning : report.warnings) {
        std::cerr << "parley-bench: warning: " << warning << '\n';
    }
    return report.interrupted ? kInterrupted : 0;
}

int run_plan(const Settings& settings, const Plan& plan, bool json, std::uint64_t seed) {
    auto target = Target::make(settings.url, settings.ca_file, settings.sources);
    if (!target) {
        return complain(target.error().description, kUsage);
    }
    if (const std::string why = raise_descriptor_limit(plan.connections); !why.empty()) {
        return complain(why, kFailed);
    }
    Outcome outcome;
    Report report;
    Coordinator coordinator(settings, *target, plan, seed);
    if (const std::string why = coordinator.run(outcome); !why.empty()) {
        return complain(why, kFailed);
    }
    report.interrupted = outcome.interrupted;
    plan.report(settings, outcome, report);
    add_ports(report, plan.connections, target->sources().size());
    if (report.figures.empty()) {
        return complain("interrupted before anything was measured", kInterrupted);
    }
    return print(settings, report, json);
}

Plan plan_of(const Settings& settings) {
    constexpr std::pair<std::string_view, Plan (*)(const Settings&)> kPlans[] = {
        {"pairs", plan_pairs},   {"offline", plan_offline}, {"idle", plan_idle},
        {"fanout", plan_fanout}, {"storm", plan_storm},
    };
    const auto* const plan =
        std::find_if(std::begin(kPlans), std::end(kPlans),
                     [&](const auto& one) { return one.first == settings.workload; });
    return plan->second(settings);
}

int run(Settings settings, bool json) {
    std::uint64_t seed = 0;
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        return complain("the system gives no random numbers", kFailed);
    }
    if (settings.run.empty()) {
        settings.run = "bench" + std::to_string(unix_ms() % 1'000'000'000);
    }
    if (settings.messages == 0) {
        settings.messages = settings.workload == "storm" ? 3 : 100'000;
    }
    const std::size_t shared = settings.workload == "fanout" ? settings.senders : settings.pairs;
    if (settings.threads > shared) {
        return complain("there are more --threads than things to share out over them", kUsage);
    }
    return run_plan(settings, plan_of(settings), json, seed);
}

int main_with(int argc, char** argv) {
    Settings settings;
    std::string file = "parley-data/application.json";
    bool json = false;
    settings.progress = ::isatty(STDERR_FILENO) == 1;
    CLI::App app{"Load generator for a Parley server. One command a workload.", "parley-bench"};
    app.set_version_flag("--version", PARLEY_VERSION);
    app.set_help_all_flag("--help-all", "the options of all workloads");
    add_options(app, settings, file, json);
    add_workloads(app, settings);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        return complain(std::string(error.what()) + " (--help lists what there is)", kUsage);
    }
    std::string why;
    if (!read_application(file, settings, why)) {
        return complain(why, kUsage);
    }
    return run(std::move(settings), json);
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    return parley::bench::main_with(argc, argv);
}
