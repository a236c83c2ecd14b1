#include "log_limit.h"
#include "stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

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
    log.flush();
    const std::string output = testing::internal::GetCapturedStderr();
    EXPECT_THAT(output, Not(HasSubstr("hidden")));
    EXPECT_THAT(output,
                testing::MatchesRegex("20..-..-..T..:..:..\\....Z debug shown braces=[{][}]\n"));
}

TEST(StderrLog, WritesJsonWithTimeLevelEventAndFields) {
    StderrLog log(LogLevel::info, LogFormat::json);
    testing::internal::CaptureStderr();
    Logger(log).warn("a.b", {{"k", "v"}});
    log.flush();
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

// A pipe that is full, so that whoever writes to it waits.
class FullPipe {
  public:
    FullPipe() {
        ::signal(SIGPIPE, SIG_IGN);
        EXPECT_EQ(::pipe(ends_), 0);
        const int flags = ::fcntl(ends_[1], F_GETFL);
        ::fcntl(ends_[1], F_SETFL, flags | O_NONBLOCK);
        const std::string block(4096, '.');
        while (::write(ends_[1], block.data(), block.size()) > 0) {
        }
        ::fcntl(ends_[1], F_SETFL, flags);
    }
    FullPipe(const FullPipe&) = delete;
    FullPipe& operator=(const FullPipe&) = delete;
    // The end for writing stays open: a thread may hang in it.
    ~FullPipe() { ::close(ends_[0]); }

    int end() const { return ends_[1]; }
    // All that comes until `text` was read.
    std::string read_until(std::string_view text) {
        std::string all;
        while (all.find(text) == std::string::npos) {
            char block[4096];
            const ssize_t got = ::read(ends_[0], block, sizeof block);
            if (got <= 0) {
                break;
            }
            all.append(block, static_cast<std::size_t>(got));
        }
        return all;
    }

  private:
    int ends_[2]{};
};

TEST(StderrLog, DoesNotWaitForWhoeverReadsAndTellsWhatWasLost) {
    FullPipe pipe;
    StderrLog log(LogLevel::debug, LogFormat::text, pipe.end());
    const std::uint64_t lines = LineWriter::kMostLines + 10'000;
    for (std::uint64_t i = 0; i < lines; ++i) {
        Logger(log).debug("noise");
    }
    Logger(log).debug("newest");
    EXPECT_GE(log.suppressed(), 5'000);  // the thread may hold some thousands
    const std::string read = pipe.read_until("newest");
    EXPECT_THAT(read, HasSubstr("warn  log.lost lines=" + std::to_string(log.suppressed())));
}

TEST(StderrLog, EndsThoughNobodyReads) {
    FullPipe pipe;
    StderrLog log(LogLevel::info, LogFormat::text, pipe.end());
    Logger(log).info("unread");
    const auto before = std::chrono::steady_clock::now();
    log.flush();
    EXPECT_GE(std::chrono::steady_clock::now() - before, LineWriter::kPatience);
}

TEST(StderrLog, CountsLinesOfADescriptorThatTakesNone) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    {
        StderrLog log(LogLevel::info, LogFormat::text, full);
        Logger(log).info("lost");
        log.flush();
        EXPECT_EQ(log.suppressed(), 1);
    }
    ::close(full);
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
