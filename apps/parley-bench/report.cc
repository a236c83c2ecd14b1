#include "report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace parley::bench {
namespace {

// A thread that is busier than this adds its own delays to what it measures.
constexpr double kBusy = 0.85;
// connect() tries every other port of its range first (by default 28,232 ports), and only then the
// rest: beyond these, each new connection looks at all of them in vain.
constexpr std::size_t kPortsAtHand = 14'000;

}  // namespace

void add_rates(Report& report, const Span& span, const Tally& tally,
               const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        report.add(names[i], static_cast<double>(tally.lines[i].counted) / span.counted_seconds,
                   "/s");
    }
}

void add_costs(Report& report, const Settings& settings, const Span& span, double messages,
               const std::string& prefix) {
    const double busiest = span.busiest / span.seconds;
    report.add(prefix + "generator CPU share", span.own_cpu / span.seconds, "of one core");
    report.add(prefix + "generator busiest thread", busiest, "of one core");
    report.add(prefix + "generator waited for a core", span.most_waited / span.seconds,
               "of the time");
    if (messages > 0) {
        report.add(prefix + "generator CPU per message", span.own_cpu * 1e6 / messages, "us");
    }
    if (busiest > kBusy) {
        report.warnings.push_back(fmt::format(
            "{}a thread of the generator was busy {:.0f} % of the time, so that it measured "
            "itself: more --threads, or less load",
            prefix, busiest * 100));
    }
    if (settings.server_pid <= 0) {
        return;
    }
    report.add(prefix + "server CPU share", span.server_cpu / span.seconds, "of one core");
    if (messages > 0) {
        report.add(prefix + "server CPU per 1,000 messages", span.server_cpu * 1e6 / messages,
                   "ms");
    }
    report.add(prefix + "server resident memory", span.resident_kib, "KiB");
}

void add_ports(Report& report, std::size_t connections, std::size_t addresses) {
    const std::size_t each = connections / std::max<std::size_t>(addresses, 1);
    if (each > kPortsAtHand) {
        report.warnings.push_back(fmt::format(
            "{} connections from one address: above {} the system looks long for a free port, and "
            "the generator measured that too: more addresses to connect from (--source)",
            each, kPortsAtHand));
    }
}

void add_stages(Report& report, const Tally& tally, const std::vector<std::string>& names) {
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        report.latencies.emplace_back(names[i], tally.lines[i].latency);
        report.add("not " + names[i], static_cast<double>(tally.lines[i].missing), "messages");
        missing = std::max(missing, tally.lines[i].missing);
    }
    if (missing > 0) {
        report.warnings.push_back(fmt::format(
            "{} messages were not answered in the end; they count with the time they had waited",
            missing));
    }
}

std::string as_table(const Settings& settings, const Report& report) {
    const std::string load = settings.rate > 0
                                 ? fmt::format("{:g} messages a second", settings.rate)
                                 : fmt::format("{} outstanding", settings.outstanding);
    std::string out = fmt::format("{}: {} devices or pairs, {}, text of {} bytes\n",
                                  settings.workload, settings.pairs, load, settings.text_bytes);
    for (const auto& figure : report.figures) {
        out += fmt::format("  {:<38} {:>14.2f} {}\n", figure.name, figure.value, figure.unit);
    }
    if (!report.latencies.empty()) {
        out += fmt::format("  {:<38} {:>10} {:>10} {:>10} {:>10} {:>10}\n",
                           "latency in microseconds", "p50", "p90", "p99", "p99.9", "max");
    }
    for (const auto& [name, latency] : report.latencies) {
        out += fmt::format("  {:<38} {:>10} {:>10} {:>10} {:>10} {:>10}\n", name,
                           latency.quantile(0.5), latency.quantile(0.9), latency.quantile(0.99),
                           latency.quantile(0.999), latency.max());
    }
    return out;
}

std::string as_json(const Settings& settings, const Report& report) {
    nlohmann::ordered_json json;
    json["workload"] = settings.workload;
    json["pairs"] = settings.pairs;
    json["outstanding"] = settings.outstanding;
    json["text_bytes"] = settings.text_bytes;
    json["threads"] = settings.threads;
    json["rate"] = settings.rate;
    json["run"] = settings.run;
    json["interrupted"] = report.interrupted;
    json["figures"] = nlohmann::ordered_json::object();
    for (const auto& figure : report.figures) {
        json["figures"][figure.name] = {{"value", figure.value}, {"unit", figure.unit}};
    }
    for (const auto& [name, latency] : report.latencies) {
        json["latency_us"][name] = {
            {"count", latency.count()},         {"p50", latency.quantile(0.5)},
            {"p90", latency.quantile(0.9)},     {"p99", latency.quantile(0.99)},
            {"p99.9", latency.quantile(0.999)}, {"max", latency.max()}};
    }
    json["warnings"] = report.warnings;
    return json.dump();
}

}  // namespace parley::bench
