#pragma once

#include "base/log.h"

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace parley::rocksdb {

// Keeps the lines: "warn store.not_reclaimed why=... ranges=2".
class RecordingLog final : public LogSink {
  public:
    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override {
        std::string line = std::string(to_string(level)) + " " + std::string(event);
        for (const LogField& field : fields) {
            line += " " + std::string(field.key) + "=" + field.value;
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    bool enabled(LogLevel) const override { return true; }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace parley::rocksdb
