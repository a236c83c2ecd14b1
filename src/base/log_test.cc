#include "base/log.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

class ListSink final : public LogSink {
  public:
    void write(LogLevel level, std::string_view event,
               const std::vector<LogField>& fields) override {
        std::string line(to_string(level));
        line.append(" ").append(event);
        for (const LogField& field : fields) {
            line.append(" ").append(field.key).append("=").append(field.value);
        }
        lines.push_back(line);
    }
    bool enabled(LogLevel level) const override { return level >= LogLevel::info; }

    std::vector<std::string> lines;
};

TEST(Logger, WritesWhatItsSinkWants) {
    ListSink sink;
    const Logger log(sink);
    log.debug("session.frame");
    log.info("session.opened", {{"user", "foo"}, {"cursor", std::uint64_t{7}}, {"new", true}});
    ASSERT_EQ(sink.lines.size(), 1u);
    EXPECT_EQ(sink.lines[0], "info session.opened user=foo cursor=7 new=true");
}

TEST(Logger, WritesNothingToTheNullLog) {
    const Logger log(null_log());
    EXPECT_FALSE(log.enabled(LogLevel::error));
    log.error("nobody.hears");
}

}  // namespace
}  // namespace parley
