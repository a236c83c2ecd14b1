#pragma once

#include <chrono>
#include <functional>
#include <string_view>

namespace parley {

// How much a log line matters. `critical`: a bug, or the local store cannot be written. `warn`:
// something that the developer or the user can act on (a refused token, a wrong certificate).
// `info`: sessions and their ends. `trace`: the rest.
enum class LogSeverity { trace = 0, info = 1, warn = 2, critical = 3 };

// One line of the SDK's log. The views are valid until the callback returns.
struct LogRecord {
    LogSeverity severity = LogSeverity::info;
    // The part of the SDK that speaks: "session", "store", "callback", ...
    std::string_view area;
    // One line: a stable dotted name and key=value pairs ("session.opened session=3f2c"). It never
    // holds texts, headers, tokens, secrets or user ids.
    std::string_view message;
    std::chrono::system_clock::time_point timestamp;
};

// Hears the log. Runs on whichever thread speaks, the SDK's own threads among them, so it must be
// safe to call from several threads at once, must return quickly, and must not call back into the
// SDK (such calls fail with wrong_state). What it throws is dropped.
using LogCallback = std::function<void(const LogRecord& record)>;

}  // namespace parley
