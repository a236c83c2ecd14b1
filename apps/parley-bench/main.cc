#include "adapters/asio/clock.h"
#include "adapters/asio/dialer.h"
#include "adapters/asio/entropy.h"
#include "adapters/asio/loop.h"
#include "protocol/token.h"
#include "wire/frames.h"
#include "workload.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <fstream>
#include <iostream>

// parley-bench: the load generator (docs/cli.md). One command a workload against a running server.
namespace parley::bench {
namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;

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

void add_options(CLI::App& app, Settings& settings, std::string& file, bool& json,
                 double& seconds) {
    app.add_option("--server", settings.target.url, "ws://HOST:PORT or wss://HOST:PORT")
        ->capture_default_str();
    app.add_option("--ca", settings.target.ca_file, "PEM file of certificates to trust, for wss");
    app.add_option("--app", file, "application.json of the server")->capture_default_str();
    app.add_option("--server-pid", settings.server_pid, "report CPU and memory of this process")
        ->check(CLI::PositiveNumber);
    app.add_option("--text-bytes", settings.text_bytes, "length of each text")
        ->capture_default_str();
    app.add_option("--seconds", seconds, "how long to measure")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 86400.0));
    app.add_flag("--json", json, "one JSON object instead of a table");
}

void add_workloads(CLI::App& app, Settings& settings) {
    const auto add = [&](const char* name, const char* what) {
        auto* command = app.add_subcommand(name, what);
        command->fallthrough();
        command->callback([&settings, name] { settings.workload = name; });
        return command;
    };
    const auto positive = CLI::Range(std::size_t{1}, std::size_t{10'000'000});
    auto* pairs =
        add("pairs", "online, one to one: submission, sent, delivery and receipt are one message");
    pairs->add_option("-P,--pairs", settings.pairs, "pairs of users")->check(positive);
    pairs->add_option("-W,--outstanding", settings.outstanding, "messages under way per pair")
        ->check(positive);
    pairs
        ->add_option("--rate", settings.rate,
                     "messages/s in all, whether or not the server keeps up (open loop)")
        ->check(CLI::Range(0.0, 1e7));
    auto* offline = add("offline", "stores for absent users, then drains them");
    offline->add_option("-U,--users", settings.pairs, "absent users")->check(positive);
    offline->add_option("-N,--messages", settings.messages, "messages in all (100000)")
        ->check(positive);
    offline
        ->add_option("-W,--outstanding", settings.outstanding, "submissions under way per sender")
        ->check(positive);
    auto* idle = add("idle", "connections that say nothing");
    idle->add_option("-N,--connections", settings.pairs, "connections")->check(positive);
    auto* fanout = add("fanout", "one message to many recipients, all online");
    fanout->add_option("-R,--recipients", settings.pairs, "recipients of each message")
        ->check(positive);
    fanout->add_option("-W,--outstanding", settings.outstanding, "messages under way")
        ->check(positive);
    auto* storm = add("storm", "devices that reconnect at once and catch up");
    storm->add_option("-N,--devices", settings.pairs, "devices")->check(positive);
    storm->add_option("-E,--events", settings.messages, "events that wait for each (3)")
        ->check(positive);
    app.require_subcommand(1);
}

int run(Settings settings, bool json, double seconds) {
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);

    asio::SystemEntropy entropy;
    asio::SystemWallClock clock;
    asio::AsioLoop loop;
    asio::AsioDialer dialer(loop);
    settings.duration =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    settings.run = "bench" + std::to_string(to_ms(clock.now()) % 1'000'000'000);
    if (settings.messages == 0) {
        settings.messages = settings.workload == "storm" ? 3 : 100'000;
    }
    const auto workload = make_workload(settings, loop, dialer, clock, entropy.seed());
    workload->start();
    while (!workload->done()) {
        loop.run_turn(asio::AsioLoop::Wait::yes);
    }
    if (!workload->failure().empty()) {
        return complain(workload->failure(), kFailed);
    }
    std::cout << (json ? as_json(settings, workload->report()) + '\n'
                       : as_table(settings, workload->report()));
    return 0;
}

int main_with(int argc, char** argv) {
    Settings settings;
    settings.target.url = "ws://127.0.0.1:7700";
    settings.target.subprotocol = wire::kProtoSubprotocol;
    std::string file = "parley-data/application.json";
    bool json = false;
    double seconds = 10;
    CLI::App app{"Load generator for a Parley server. One command a workload.", "parley-bench"};
    app.set_version_flag("--version", PARLEY_VERSION);
    app.set_help_all_flag("--help-all", "the options of all workloads");
    add_options(app, settings, file, json, seconds);
    add_workloads(app, settings);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        return complain(std::string(error.what()) + " (--help lists what there is)", kUsage);
    }
    if (const auto url = io::check_url(settings.target.url); !url) {
        return complain("--server: " + url.error().description, kUsage);
    }
    std::string why;
    if (!read_application(file, settings, why)) {
        return complain(why, kUsage);
    }
    return run(std::move(settings), json, seconds);
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    return parley::bench::main_with(argc, argv);
}
