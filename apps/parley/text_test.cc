#include "text.h"

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

using namespace std::chrono_literals;

TEST(Durations, HaveANumberAndAUnit) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("10m"), 10min);
    EXPECT_EQ(parse_duration("12h"), 12h);
    EXPECT_EQ(parse_duration("30d"), 720h);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Durations, RefuseAnythingElse) {
    for (const char* text : {"", "5", "s", "-5s", "+5s", "5 s", "5sec", "5S", "1.5h", "1h30m",
                             "99999999999999999999s", "9223372036854775807d"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Timestamps, AreRfc3339InUtcWithMilliseconds) {
    const std::chrono::system_clock::time_point time(std::chrono::milliseconds(1714564800007));
    EXPECT_EQ(format_timestamp(time), "2024-05-01T12:00:00.007Z");
}

TEST(Printable, TakesTheTeethOutOfControlCharacters) {
    EXPECT_EQ(printable("a\x1b[2Jb\x07"), "a?[2Jb?");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m");
    EXPECT_EQ(printable("Grüße ✓"), "Grüße ✓");
    EXPECT_EQ(printable("one\ntwo"), "one\n    two");
}

TEST(Excerpt, CutsBetweenCharacters) {
    EXPECT_EQ(excerpt("äöü", 2), "äö…");
    EXPECT_EQ(excerpt("äö", 2), "äö");
    EXPECT_EQ(excerpt("one\ntwo", 20), "one…");
    EXPECT_EQ(excerpt("", 3), "");
}

}  // namespace
}  // namespace parley::cli
