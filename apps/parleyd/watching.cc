#include "watching.h"

#include "adapters/asio/traffic.h"

#include <utility>

namespace parley::parleyd {
namespace {

// What a scrape tells of disk and engine is no older.
constexpr Duration kNumbersEvery = std::chrono::seconds(5);
constexpr const char* kStoreLoop = "store";

}  // namespace

Watching::Watching(Parts parts) : parts_(std::move(parts)), process_(*parts_.background) {
    const auto feel = [this](std::string name, io::Loop& loop) {
        pulses_.push_back({std::move(name), std::make_unique<server::Pulse>(loop)});
    };
    feel(kStoreLoop, *parts_.store_loop);
    for (std::size_t i = 0; i < parts_.loops.size(); ++i) {
        feel(std::to_string(i), *parts_.loops[i]);
    }
    ask_numbers();
}

void Watching::ask_numbers() {
    parts_.store->ask_numbers();
    timer_ = parts_.background->call_at(parts_.background->now() + kNumbersEvery,
                                        [this] { ask_numbers(); });
}

server::Probes Watching::probes() {
    server::Probes probes;
    probes.metrics = [this](MetricsText& text, Instant now) { write(text, now); };
    probes.unhealthy = [this](Instant now) { return unhealthy(now); };
    return probes;
}

std::optional<std::string> Watching::unhealthy(Instant now) const {
    for (const Felt& felt : pulses_) {
        // A commit that the disk does not answer is what /readyz tells of, and no restart heals.
        const bool waits_for_disk = felt.name == kStoreLoop && parts_.store->is_committing();
        if (felt.pulse->stuck(now) && !waits_for_disk) {
            const auto seconds =
                std::chrono::duration_cast<std::chrono::seconds>(felt.pulse->age(now));
            return "loop " + felt.name + " has not turned for " + std::to_string(seconds.count()) +
                   " s";
        }
    }
    return std::nullopt;
}

void Watching::write(MetricsText& text, Instant now) const {
    text.family(MetricsText::Type::gauge, "parley_build_info", "Always 1; the version as a label.");
    text.value("version=\"" PARLEY_VERSION "\"", std::int64_t{1});
    parts_.store->write_metrics(text, now);
    asio::write_traffic(parts_.loops, text);
    asio::write_admission(*parts_.admission, text);
    if (parts_.tls != nullptr) {
        text.gauge("parley_certificate_not_after_timestamp_seconds",
                   "When the certificate ends, in seconds since 1970.",
                   to_ms(parts_.tls->validity().until) / 1000);
    }
    write_loops(text, now);
    text.counter("parley_log_lines_suppressed_total",
                 "Log lines that were counted instead of written: they repeat, or nobody reads.",
                 parts_.log->suppressed());
    process_.write(text);
}

void Watching::write_loops(MetricsText& text, Instant now) const {
    text.family(MetricsText::Type::gauge, "parley_loop_age_seconds",
                "Since the loop last beat; it beats four times a second.");
    for (const Felt& felt : pulses_) {
        text.value("loop=\"" + felt.name + "\"",
                   static_cast<double>(felt.pulse->age(now).count()) / kMicroseconds);
    }
    text.histogram_family("parley_loop_lag_seconds",
                          "How late the loop runs what is due, felt four times a second.");
    for (const Felt& felt : pulses_) {
        HistogramValues lag;
        felt.pulse->lag().add_to(lag);
        text.histogram_of("loop=\"" + felt.name + "\"", kLatencyBounds, kMicroseconds, lag);
    }
}

}  // namespace parley::parleyd
