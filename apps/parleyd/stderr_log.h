#pragma once

#include "base/log.h"
#include "log_limit.h"
#include "settings.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace spdlog {
class logger;
}

namespace parley::parleyd {

// The part of a line after its time: `info  event key=value key="two words"`.
std::string as_text(LogLevel level, std::string_view event, const std::vector<LogField>& fields);
// The same as members of a JSON object: `"level":"info","event":"...","fields":{"key":"value"}`.
std::string as_json(LogLevel level, std::string_view event, const std::vector<LogField>& fields);

// Log lines on standard error, as text or as one JSON object a line. Lines of one event that come
// too fast are counted instead (LogLimit), except below info, where somebody asked for them all.
class StderrLog final : public LogSink {
  public:
    StderrLog(LogLevel level, LogFormat format);
    StderrLog(const StderrLog&) = delete;
    StderrLog& operator=(const StderrLog&) = delete;
    // Tells what was held back until now.
    ~StderrLog() override;

    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override;
    bool enabled(LogLevel level) const override;

    // Any thread.
    void set_level(LogLevel level);
    // Lines that were held back, ever. Any thread.
    std::int64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

  private:
    void print(LogLevel level, std::string_view event, const std::vector<LogField>& fields);
    void print_suppressed(const std::vector<LogLimit::Suppressed>& suppressed);

    std::atomic<LogLevel> level_;
    const LogFormat format_;
    std::unique_ptr<spdlog::logger> logger_;
    std::atomic<std::int64_t> suppressed_ = 0;
    std::mutex mutex_;  // guards limit_
    LogLimit limit_;
};

}  // namespace parley::parleyd
