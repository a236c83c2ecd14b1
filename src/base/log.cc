#include "base/log.h"

namespace parley {

namespace {

class NullLog final : public LogSink {
  public:
    void write(LogLevel, std::string_view, const std::vector<LogField>&) override {}
    bool enabled(LogLevel) const override { return false; }
};

}  // namespace

std::string_view to_string(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return "trace";
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warn:
            return "warn";
        case LogLevel::error:
            break;
    }
    return "error";
}

LogSink& null_log() {
    static NullLog log;
    return log;
}

}  // namespace parley
