#include "sdk/log_adapter.h"

#include <algorithm>

namespace parley::sdk {
namespace {

LogSeverity severity_of(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
        case LogLevel::debug:
            return LogSeverity::trace;
        case LogLevel::info:
            return LogSeverity::info;
        case LogLevel::warn:
            return LogSeverity::warn;
        case LogLevel::error:
            break;
    }
    return LogSeverity::critical;
}

// A value with a space or a quote stands in quotes, and no value breaks the line.
void append_value(std::string& line, const std::string& value) {
    const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != '"';
    });
    if (plain) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            line += '\\';
        }
        line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    line += '"';
}

}  // namespace

LogAdapter::LogAdapter(LogCallback callback, LogSeverity from)
    : callback_(std::move(callback)), from_(from) {}

bool LogAdapter::enabled(LogLevel level) const {
    return callback_ != nullptr && severity_of(level) >= from_;
}

void LogAdapter::write(LogLevel level, std::string_view event,
                       const std::vector<LogField>& fields) {
    if (!enabled(level)) {
        return;
    }
    std::string line(event);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    LogRecord record;
    record.severity = severity_of(level);
    record.area = event.substr(0, event.find('.'));
    record.message = line;
    record.timestamp = std::chrono::system_clock::now();
    try {
        callback_(record);
    } catch (...) {
        // There is nobody left to tell.
    }
}

}  // namespace parley::sdk
