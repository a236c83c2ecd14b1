#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

enum class LogLevel { trace, debug, info, warn, error };

std::string_view to_string(LogLevel level);

// One key=value of a log line.
struct LogField {
    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(text) {}
    LogField(std::string_view name, std::int64_t number)
        : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, std::uint64_t number)
        : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, int number) : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, unsigned number) : key(name), value(std::to_string(number)) {}
    LogField(std::string_view name, bool flag) : key(name), value(flag ? "true" : "false") {}

    std::string_view key;
    std::string value;
};

// Where lines go. Implementations are safe to call from any thread.
class LogSink {
  public:
    virtual ~LogSink() = default;
    // `event` is a stable dotted name ("session.opened"). No bodies, tokens, nor anything typed by
    // people.
    virtual void write(LogLevel level, std::string_view event,
                       const std::vector<LogField>& fields) = 0;
    // Below this level nothing needs to be built.
    virtual bool enabled(LogLevel level) const = 0;
};

// A sink that drops everything.
LogSink& null_log();

// What code holds and calls: `log_.info("session.opened", {{"session", id}});` Copies share the
// sink, which outlives them.
class Logger {
  public:
    explicit Logger(LogSink& sink) : sink_(&sink) {}

    void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const {
        write(LogLevel::debug, event, fields);
    }
    void info(std::string_view event, std::initializer_list<LogField> fields = {}) const {
        write(LogLevel::info, event, fields);
    }
    void warn(std::string_view event, std::initializer_list<LogField> fields = {}) const {
        write(LogLevel::warn, event, fields);
    }
    void error(std::string_view event, std::initializer_list<LogField> fields = {}) const {
        write(LogLevel::error, event, fields);
    }
    bool enabled(LogLevel level) const { return sink_->enabled(level); }

  private:
    void write(LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields) const {
        if (sink_->enabled(level)) {
            sink_->write(level, event, fields);
        }
    }
    LogSink* sink_;
};

}  // namespace parley
