#include "workload.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace parley::bench {

std::string as_table(const Settings& settings, const Report& report) {
    std::string out =
        fmt::format("{}: {} devices or pairs, {} outstanding, text of {} bytes\n",
                    settings.workload, settings.pairs, settings.outstanding, settings.text_bytes);
    for (const auto& figure : report.figures) {
        out += fmt::format("  {:<32} {:>14.2f} {}\n", figure.name, figure.value, figure.unit);
    }
    if (!report.latencies.empty()) {
        out += fmt::format("  {:<32} {:>10} {:>10} {:>10} {:>10}\n", "latency in microseconds",
                           "p50", "p99", "p99.9", "max");
    }
    for (const auto& [name, latency] : report.latencies) {
        out += fmt::format("  {:<32} {:>10} {:>10} {:>10} {:>10}\n", name, latency.quantile(0.5),
                           latency.quantile(0.99), latency.quantile(0.999), latency.max());
    }
    return out;
}

std::string as_json(const Settings& settings, const Report& report) {
    nlohmann::ordered_json json;
    json["workload"] = settings.workload;
    json["pairs"] = settings.pairs;
    json["outstanding"] = settings.outstanding;
    json["text_bytes"] = settings.text_bytes;
    for (const auto& figure : report.figures) {
        json["figures"][figure.name] = {{"value", figure.value}, {"unit", figure.unit}};
    }
    for (const auto& [name, latency] : report.latencies) {
        json["latency_us"][name] = {{"count", latency.count()},
                                    {"p50", latency.quantile(0.5)},
                                    {"p99", latency.quantile(0.99)},
                                    {"p99.9", latency.quantile(0.999)},
                                    {"max", latency.max()}};
    }
    return json.dump();
}

}  // namespace parley::bench
