#include "base/prometheus.h"

#include <array>
#include <charconv>

namespace parley {
namespace {

// The shortest text without an exponent that reads back as the same number.
std::string to_text(double number) {
    std::array<char, 400> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                   std::chars_format::fixed);
    return {digits.data(), end.ptr};
}

}  // namespace

void MetricsText::begin(std::string_view type, std::string_view name, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help);
    text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void MetricsText::sample(std::string_view suffix, std::string_view labels,
                         std::string_view number) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) {
        text_.append("{").append(labels).append("}");
    }
    text_.append(" ").append(number).append("\n");
}

void MetricsText::family(Type type, std::string_view name, std::string_view help) {
    begin(type == Type::counter ? "counter" : "gauge", name, help);
}

void MetricsText::value(std::string_view labels, std::int64_t value) {
    sample("", labels, std::to_string(value));
}

void MetricsText::value(std::string_view labels, double value) {
    sample("", labels, to_text(value));
}

void MetricsText::counter(std::string_view name, std::string_view help, std::int64_t count) {
    family(Type::counter, name, help);
    value("", count);
}

void MetricsText::gauge(std::string_view name, std::string_view help, std::int64_t number) {
    family(Type::gauge, name, help);
    value("", number);
}

void MetricsText::gauge(std::string_view name, std::string_view help, double number) {
    family(Type::gauge, name, help);
    value("", number);
}

void MetricsText::histogram(std::string_view name, std::string_view help, const Bounds& bounds,
                            double unit, const HistogramValues& values) {
    histogram_family(name, help);
    histogram_of("", bounds, unit, values);
}

void MetricsText::histogram_family(std::string_view name, std::string_view help) {
    begin("histogram", name, help);
}

void MetricsText::histogram_of(std::string_view labels, const Bounds& bounds, double unit,
                               const HistogramValues& values) {
    std::string before(labels);
    before += labels.empty() ? "le=\"" : ",le=\"";
    std::int64_t count = 0;
    for (std::size_t i = 0; i < kBounds; ++i) {
        count += values.counts[i];
        sample("_bucket", before + to_text(static_cast<double>(bounds[i]) / unit) + "\"",
               std::to_string(count));
    }
    count += values.counts[kBounds];
    sample("_bucket", before + "+Inf\"", std::to_string(count));
    sample("_sum", labels, to_text(static_cast<double>(values.sum) / unit));
    sample("_count", labels, std::to_string(count));
}

}  // namespace parley
