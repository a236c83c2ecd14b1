#include "stderr_log.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

#include <algorithm>
#include <chrono>

namespace parley::parleyd {
namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %v";
constexpr const char* kJsonPattern = R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
constexpr std::string_view kHex = "0123456789abcdef";

// Escapes what would end the quotes or the line. Bytes that are not ASCII are escaped too, so that
// a line is valid whatever was in a value.
void append_quoted(std::string& out, std::string_view value, LogFormat format) {
    out += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            // JSON has no \xNN; the byte stands for the code point of the same number.
            out += format == LogFormat::json ? "\\u00" : "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 0xf];
        }
    }
    out += '"';
}

bool needs_quotes(std::string_view value) {
    return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
               return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=';
           });
}

// With the time of now and the end of the line.
std::string whole_line(LogLevel level, std::string_view event, const std::vector<LogField>& fields,
                       LogFormat format) {
    // One for each thread: it keeps the second that it wrote last, and has no lock.
    thread_local spdlog::pattern_formatter text(kTextPattern, spdlog::pattern_time_type::utc);
    thread_local spdlog::pattern_formatter json(kJsonPattern, spdlog::pattern_time_type::utc);
    const bool is_json = format == LogFormat::json;
    const std::string line =
        is_json ? as_json(level, event, fields) : as_text(level, event, fields);
    const spdlog::details::log_msg message("parleyd", spdlog::level::info,
                                           spdlog::string_view_t(line.data(), line.size()));
    spdlog::memory_buf_t whole;
    (is_json ? json : text).format(message, whole);
    return {whole.data(), whole.size()};
}

template <LogFormat format>
std::string missing_line(std::uint64_t lines) {
    return whole_line(LogLevel::warn, "log.lost", {{"lines", lines}}, format);
}

}  // namespace

std::string as_text(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
    std::string line(to_string(level));
    line.append(line.size() < 5 ? 6 - line.size() : 1, ' ');
    line += event;
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        if (needs_quotes(field.value)) {
            append_quoted(line, field.value, LogFormat::text);
        } else {
            line += field.value;
        }
    }
    return line;
}

std::string as_json(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
    std::string line = "\"level\":";
    append_quoted(line, to_string(level), LogFormat::json);
    line += ",\"event\":";
    append_quoted(line, event, LogFormat::json);
    line += ",\"fields\":{";
    for (const LogField& field : fields) {
        if (&field != &fields.front()) {
            line += ',';
        }
        append_quoted(line, field.key, LogFormat::json);
        line += ':';
        append_quoted(line, field.value, LogFormat::json);
    }
    return line + "}";
}

StderrLog::StderrLog(LogLevel level, LogFormat format, int descriptor)
    : level_(level),
      format_(format),
      writer_(descriptor, format == LogFormat::json ? missing_line<LogFormat::json>
                                                    : missing_line<LogFormat::text>) {}

StderrLog::~StderrLog() {
    print_suppressed(limit_.take_all_suppressed());
}

void StderrLog::write(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
    if (!enabled(level)) {
        return;
    }
    if (level < LogLevel::info) {
        print(level, event, fields);
        return;
    }
    bool passes = true;
    std::vector<LogLimit::Suppressed> suppressed;
    {
        const auto now = Instant(std::chrono::duration_cast<Duration>(
            std::chrono::steady_clock::now().time_since_epoch()));
        const std::lock_guard lock(mutex_);
        suppressed = limit_.take_suppressed(now);
        passes = limit_.pass(event, now);
    }
    print_suppressed(suppressed);
    if (passes) {
        print(level, event, fields);
    } else {
        suppressed_.fetch_add(1, std::memory_order_relaxed);
    }
}

bool StderrLog::enabled(LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed);
}

void StderrLog::set_level(LogLevel level) {
    level_.store(level, std::memory_order_relaxed);
}

void StderrLog::print(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
    writer_.write(whole_line(level, event, fields, format_));
}

void StderrLog::print_suppressed(const std::vector<LogLimit::Suppressed>& suppressed) {
    for (const auto& [event, count] : suppressed) {
        print(LogLevel::warn, "log.suppressed", {{"of", event}, {"lines", count}});
    }
}

}  // namespace parley::parleyd
