#include "values.h"

#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

using namespace std::chrono_literals;

TEST(Values, DurationsHaveAWholeNumberAndAUnit) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("10m"), 10min);
    EXPECT_EQ(parse_duration("12h"), 12h);
    EXPECT_EQ(parse_duration("30d"), 720h);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Values, WhatIsNoDurationIsNothing) {
    for (const char* text :
         {"", "30", "s", "-1s", "+1s", "1.5h", "30 s", " 30s", "30s ", "1h30m", "30S", "30sec",
          "99999999999999999999s", "18446744073709551615d", "10001d"}) {
        EXPECT_FALSE(parse_duration(text)) << '"' << text << '"';
    }
}

TEST(Values, DurationsAreWrittenInTheLargestUnitThatFits) {
    for (const char* text : {"500ms", "90s", "10m", "12h", "30d"}) {
        EXPECT_EQ(to_string(*parse_duration(text)), text);
    }
    EXPECT_EQ(to_string(0ms), "0ms");
    EXPECT_EQ(to_string(24h), "1d");
}

TEST(Values, ByteCountsHaveBinaryUnits) {
    EXPECT_EQ(parse_byte_count("4096"), 4096u);
    EXPECT_EQ(parse_byte_count("64KiB"), 65536u);
    EXPECT_EQ(parse_byte_count("1MiB"), 1048576u);
    EXPECT_EQ(parse_byte_count("4GiB"), 4294967296u);
    for (const char* text :
         {"", "KiB", "64 KiB", "64kb", "-1", "1.5MiB", "18446744073709551615KiB"}) {
        EXPECT_FALSE(parse_byte_count(text)) << '"' << text << '"';
    }
}

TEST(Values, CountsAreDigitsOnly) {
    EXPECT_EQ(parse_count("0"), 0u);
    EXPECT_EQ(parse_count("18446744073709551615"), UINT64_MAX);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "18446744073709551616"}) {
        EXPECT_FALSE(parse_count(text)) << '"' << text << '"';
    }
}

TEST(Values, AddressesAreHostAndPort) {
    EXPECT_EQ(parse_address("127.0.0.1:7700"), (Address{"127.0.0.1", 7700}));
    EXPECT_EQ(parse_address("[::1]:0"), (Address{"::1", 0}));
    EXPECT_EQ(parse_address("chat.example.com:65535"), (Address{"chat.example.com", 65535}));
    for (const char* text : {"127.0.0.1:7700", "[::1]:7700", "localhost:0"}) {
        EXPECT_EQ(to_string(*parse_address(text)), text);
    }
}

TEST(Values, WhatIsNoAddressIsNothing) {
    for (const char* text :
         {"", ":", "7700", ":7700", "127.0.0.1", "127.0.0.1:", "a:65536", "a:-1", "::1:7700",
          "[::1]", "[::1", "[]:1", "[a]:1", "a b:1", "[::1]]:1", "a:1:2", "[", "]:1"}) {
        EXPECT_FALSE(parse_address(text)) << '"' << text << '"';
    }
}

TEST(Values, OnlyThisMachineReachesLoopback) {
    for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
        EXPECT_TRUE(is_loopback({host, 1})) << host;
    }
    for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "127.example.com", "example.com", ""}) {
        EXPECT_FALSE(is_loopback({host, 1})) << host;
    }
}

}  // namespace
}  // namespace parley::parleyd
