#pragma once

#include "base/log.h"
#include "line_writer.h"
#include "log_limit.h"
#include "settings.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace parley::parleyd {

// The part of a line after its time: `info  event key=value key="two words"`.
std::string as_text(LogLevel level, std::string_view event, const std::vector<LogField>& fields);
// The same as members of a JSON object: `"level":"info","event":"...","fields":{"key":"value"}`.
std::string as_json(LogLevel level, std::string_view event, const std::vector<LogField>& fields);

// Log lines on standard error, as text or as one JSON object a line. Lines of one event that come
// too fast are counted instead (LogLimit), except below info, where somebody asked for them all.
// Whoever logs never waits for the descriptor: lines are written by a thread (LineWriter).
class StderrLog final : public LogSink {
  public:
    StderrLog(LogLevel level, LogFormat format, int descriptor = STDERR_FILENO);
    StderrLog(const StderrLog&) = delete;
    StderrLog& operator=(const StderrLog&) = delete;
    // Tells what was held back until now, and waits a moment for all to be written.
    ~StderrLog() override;

    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override;
    bool enabled(LogLevel level) const override;

    // Any thread.
    void set_level(LogLevel level);
    // A sentence for people, as it is. Like a line it waits for nobody. Any thread.
    void say(const std::string& sentence) { writer_.write(sentence + "\n"); }
    // Waits until all lines are written, for a moment at most. For who ends the process here and
    // now. Any thread.
    void flush() { writer_.flush(); }
    // Lines that were held back, or that could not be written, ever. Any thread.
    std::int64_t suppressed() const {
        return suppressed_.load(std::memory_order_relaxed) +
               static_cast<std::int64_t>(writer_.lost());
    }

  private:
    void print(LogLevel level, std::string_view event, const std::vector<LogField>& fields);
    void print_suppressed(const std::vector<LogLimit::Suppressed>& suppressed);

    std::atomic<LogLevel> level_;
    const LogFormat format_;
    std::atomic<std::int64_t> suppressed_ = 0;
    std::mutex mutex_;  // guards limit_
    LogLimit limit_;
    LineWriter writer_;
};

}  // namespace parley::parleyd
