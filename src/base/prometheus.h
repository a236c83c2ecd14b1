#pragma once

#include "base/metrics.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

// The text format that Prometheus reads (version 0.0.4). Each part of the server writes its own
// families into one text; the caller gives names and units by the conventions of Prometheus: base
// units, `_total` for counters. Labels and help are our own words and are not escaped.
class MetricsText {
  public:
    enum class Type { counter, gauge };

    // Begins a family; its values follow at once, one for each set of labels.
    void family(Type type, std::string_view name, std::string_view help);
    // `labels` as they stand between the braces, `result="accepted"`; empty: none.
    void value(std::string_view labels, std::int64_t value);
    void value(std::string_view labels, double value);

    // A family of one value.
    void counter(std::string_view name, std::string_view help, std::int64_t value);
    void gauge(std::string_view name, std::string_view help, std::int64_t value);
    void gauge(std::string_view name, std::string_view help, double value);
    // A histogram of one set of values, or, after histogram_family(), one for each set of labels.
    // `unit`: how many of what was observed make one of what is told (microseconds to seconds:
    // 1e6).
    void histogram(std::string_view name, std::string_view help, const Bounds& bounds, double unit,
                   const HistogramValues& values);
    void histogram_family(std::string_view name, std::string_view help);
    void histogram_of(std::string_view labels, const Bounds& bounds, double unit,
                      const HistogramValues& values);

    const std::string& text() const { return text_; }

  private:
    void begin(std::string_view type, std::string_view name, std::string_view help);
    void sample(std::string_view suffix, std::string_view labels, std::string_view number);

    std::string text_;
    std::string name_;
};

inline constexpr double kMicroseconds = 1e6;  // in a second, as the `unit` of a histogram

}  // namespace parley
