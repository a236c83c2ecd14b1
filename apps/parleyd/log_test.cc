#include "log_limit.h"
#include "stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Instant kStart = Instant(std::chrono::hours(1));

TEST(LogLines, TextIsEventAndFields) {
    EXPECT_EQ(as_text(LogLevel::info, "session.opened", {{"session", 7}, {"resumed", true}}),
              "info  session.opened session=7 resumed=true");
    EXPECT_EQ(as_text(LogLevel::error, "a", {{"k", ""}, {"q", "x y=\"z\"\n\x80"}}),
              "error a k=\"\" q=\"x y=\\\"z\\\"\\x0a\\x80\"");
}

TEST(LogLines, JsonIsOneObjectALineWhateverTheValue) {
    EXPECT_EQ(as_json(LogLevel::warn, "a.b", {{"k", "v"}, {"n", 1}}),
              R"("level":"warn","event":"a.b","fields":{"k":"v","n":"1"})");
    EXPECT_EQ(as_json(LogLevel::warn, "a", {{"k", "\"\\\n\xc3"}}),
              R"("level":"warn","event":"a","fields":{"k":"\"\\\u000a\u00c3"})");
    EXPECT_EQ(as_json(LogLevel::info, "a", {}), R"("level":"info","event":"a","fields":{})");
}

TEST(StderrLog, WritesLinesFromItsLevelOn) {
    StderrLog log(LogLevel::info, LogFormat::text);
    const Logger logger(log);
    testing::internal::CaptureStderr();
    logger.debug("hidden");
    log.set_level(LogLevel::debug);
    logger.debug("shown", {{"braces", "{}"}});
    const std::string output = testing::internal::GetCapturedStderr();
    EXPECT_THAT(output, Not(HasSubstr("hidden")));
    EXPECT_THAT(output,
                testing::MatchesRegex("20..-..-..T..:..:..\\....Z debug shown braces=[{][}]\n"));
}

TEST(StderrLog, WritesJsonWithTimeLevelEventAndFields) {
    StderrLog log(LogLevel::info, LogFormat::json);
    testing::internal::CaptureStderr();
    Logger(log).warn("a.b", {{"k", "v"}});
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::MatchesRegex("[{]\"ts\":\"20..-..-..T..:..:..\\....Z\",\"level\":\"warn\","
                                      "\"event\":\"a.b\",\"fields\":[{]\"k\":\"v\"[}][}]\n"));
}

TEST(StderrLog, TellsAtItsEndWhatItHeldBack) {
    testing::internal::CaptureStderr();
    {
        StderrLog log(LogLevel::info, LogFormat::text);
        for (int i = 0; i < 100; ++i) {
            Logger(log).warn("noise");
        }
    }
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("log.suppressed of=noise lines=80"));
}

TEST(LogLimit, CountsWhatComesTooFastAndTellsItAfterThePeriod) {
    LogLimit limit;
    for (std::uint32_t i = 0; i < LogLimit::kLines; ++i) {
        EXPECT_TRUE(limit.pass("a", kStart));
    }
    EXPECT_FALSE(limit.pass("a", kStart));
    EXPECT_FALSE(limit.pass("a", kStart));
    EXPECT_TRUE(limit.pass("b", kStart));
    EXPECT_THAT(limit.take_suppressed(kStart), IsEmpty());
    const auto told = limit.take_suppressed(kStart + LogLimit::kPeriod);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].event, "a");
    EXPECT_EQ(told[0].count, 2u);
    EXPECT_THAT(limit.take_suppressed(kStart + 2 * LogLimit::kPeriod), IsEmpty());
    EXPECT_TRUE(limit.pass("a", kStart + LogLimit::kPeriod));
}

TEST(LogLimit, ASlowEventAlwaysPasses) {
    LogLimit limit;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(limit.pass("a", kStart + i * std::chrono::seconds(1)));
    }
}

TEST(LogLimit, ManyDifferentEventsShareABoundedMemory) {
    LogLimit limit;
    std::uint64_t passed = 0;
    for (int i = 0; i < 10000; ++i) {
        passed += limit.pass("event" + std::to_string(i), kStart) ? 1 : 0;
    }
    EXPECT_EQ(passed, LogLimit::kEvents + LogLimit::kLines);
    EXPECT_EQ(limit.take_all_suppressed().size(), 1u);
}

}  // namespace
}  // namespace parley::parleyd
