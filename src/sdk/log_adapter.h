#pragma once

#include "base/log.h"
#include "parley/log.h"

namespace parley::sdk {

// Gives the SDK's log lines to the app's callback. Safe from any thread if the callback is.
class LogAdapter final : public LogSink {
  public:
    LogAdapter(LogCallback callback, LogSeverity from);

    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override;
    bool enabled(LogLevel level) const override;

  private:
    const LogCallback callback_;
    const LogSeverity from_;
};

}  // namespace parley::sdk
