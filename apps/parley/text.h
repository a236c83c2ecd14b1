#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parley::cli {

// 500ms, 30s, 10m, 12h, 30d: a whole number and a unit. Nothing: it is not one, or too long for a
// clock.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// RFC 3339 in UTC with milliseconds: 2024-05-01T12:00:00.123Z.
std::string format_timestamp(std::chrono::system_clock::time_point time);
// For people, in local time: 12:00 today, else 2024-05-01 12:00.
std::string format_local(std::chrono::system_clock::time_point time,
                         std::chrono::system_clock::time_point now);
// For people: "3 s", "5 min", "2 h", "4 d".
std::string format_span(std::chrono::milliseconds span);

// What others wrote, safe to be shown in a terminal: control characters could steer it.
std::string printable(std::string_view text);
// JSON in one line with the control characters escaped that JSON lets stand (U+007F to U+009F).
std::string escape_controls(std::string_view json);
// The beginning of a text in one line.
std::string excerpt(std::string_view text, std::size_t characters);
// Characters (UTF-8 sequences) of a text.
std::size_t character_count(std::string_view text);

}  // namespace parley::cli
