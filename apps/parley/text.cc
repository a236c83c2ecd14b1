#include "text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace parley::cli {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
// Ten thousand years: sums with it stay within every clock.
constexpr std::int64_t kLongest = 10'000ll * 365 * 86'400'000;

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || count < 0) {
        return std::nullopt;
    }
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    for (const Unit& known : kUnits) {
        if (unit != known.name) {
            continue;
        }
        if (count > kLongest / known.milliseconds) {
            return std::nullopt;
        }
        return std::chrono::milliseconds(count * known.milliseconds);
    }
    return std::nullopt;
}

std::string format_timestamp(std::chrono::system_clock::time_point time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - whole).count();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 16> tail{};
    std::snprintf(tail.data(), tail.size(), ".%03dZ", static_cast<int>(milliseconds));
    return std::string(text.data(), length) + tail.data();
}

std::string format_local(std::chrono::system_clock::time_point time,
                         std::chrono::system_clock::time_point now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    const std::time_t today = std::chrono::system_clock::to_time_t(now);
    std::tm parts{};
    std::tm now_parts{};
    ::localtime_r(&seconds, &parts);
    ::localtime_r(&today, &now_parts);
    const bool same_day = parts.tm_year == now_parts.tm_year && parts.tm_yday == now_parts.tm_yday;
    std::array<char, 64> text{};
    const std::size_t length =
        std::strftime(text.data(), text.size(), same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &parts);
    return {text.data(), length};
}

std::string format_span(std::chrono::milliseconds span) {
    const std::int64_t seconds = std::max<std::int64_t>(span.count() / 1000, 0);
    if (seconds < 120) {
        return std::to_string(seconds) + " s";
    }
    if (seconds < 2 * 3600) {
        return std::to_string((seconds + 30) / 60) + " min";
    }
    if (seconds < 2 * 86'400) {
        return std::to_string((seconds + 1800) / 3600) + " h";
    }
    return std::to_string((seconds + 43'200) / 86'400) + " d";
}

std::string printable(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (text[i] == '\n') {
            result += "\n    ";
        } else if (text[i] == '\t') {
            result += ' ';
        } else if (byte < 0x20 || byte == 0x7F) {
            result += '?';
        } else if (byte == 0xC2 && i + 1 < text.size() &&
                   static_cast<unsigned char>(text[i + 1]) < 0xA0) {
            // U+0080 to U+009F: terminals may take them for control sequences as well.
            result += '?';
            ++i;
        } else {
            result += text[i];
        }
    }
    return result;
}

std::string escape_controls(std::string_view json) {
    std::string result;
    const auto escape = [&result](unsigned char control) {
        std::array<char, 8> text{};
        std::snprintf(text.data(), text.size(), "\\u%04x", control);
        result += text.data();
    };
    for (std::size_t i = 0; i < json.size(); ++i) {
        const unsigned char next =
            i + 1 < json.size() ? static_cast<unsigned char>(json[i + 1]) : 0;
        if (json[i] == '\x7F') {
            escape(0x7F);
        } else if (json[i] == '\xC2' && next >= 0x80 && next < 0xA0) {
            escape(next);
            ++i;
        } else {
            result += json[i];
        }
    }
    return result;
}

std::string excerpt(std::string_view text, std::size_t characters) {
    const std::size_t line_end = text.find('\n');
    const std::string_view line = text.substr(0, line_end);
    std::size_t end = 0;
    std::size_t count = 0;
    while (end < line.size() && count < characters) {
        ++end;
        while (end < line.size() && is_continuation(line[end])) {
            ++end;
        }
        ++count;
    }
    std::string result = printable(line.substr(0, end));
    if (end < text.size()) {
        result += "…";
    }
    return result;
}

std::size_t character_count(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) {
        count += is_continuation(c) ? 0 : 1;
    }
    return count;
}

}  // namespace parley::cli
