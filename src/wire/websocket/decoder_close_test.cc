#include "wire/websocket/decoder.h"

#include "wire/websocket/testing/transcript.h"

#include <gtest/gtest.h>

// Section 7 of the Autobahn test suite: how a peer may close.
namespace parley::websocket {
namespace {

using testing::bytes_of;
using testing::decode;
using testing::decode_bytewise;

using Lines = std::vector<std::string>;

std::string close_frame(const std::string& payload) {
    return bytes_of({.opcode = 0x8, .payload = payload});
}

std::string with_code(int code, const std::string& reason = {}) {
    return {std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)} + reason};
}

TEST(DecoderClose, EveryCodeIsTakenOrRefusedAsTheStandardSays) {
    for (int code = 0; code < 65536; ++code) {
        const bool legal = is_sendable_close_code(static_cast<std::uint16_t>(code));
        const Lines lines = decode(close_frame(with_code(code)));
        ASSERT_EQ(lines,
                  legal ? Lines{"close:" + std::to_string(code) + ":"} : Lines{"violation:1002"})
            << code;
    }
}

TEST(DecoderClose, TheCodesThatTheStandardForbidsAreRefused) {
    for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
        EXPECT_EQ(decode(close_frame(with_code(code))), Lines{"violation:1002"}) << code;
    }
}

TEST(DecoderClose, ACloseMayHaveNoCode) {
    EXPECT_EQ(decode(close_frame("")), Lines{"close:1005:"});
}

TEST(DecoderClose, HalfACodeIsAViolation) {
    EXPECT_EQ(decode(close_frame("\x03")), Lines{"violation:1002"});
}

TEST(DecoderClose, AReasonHasUpTo123BytesOfUtf8) {
    const std::string longest(123, 'r');
    EXPECT_EQ(decode(close_frame(with_code(1000, longest))), Lines{"close:1000:" + longest});
    EXPECT_EQ(decode_bytewise(close_frame(with_code(1000, longest))),
              Lines{"close:1000:" + longest});
    EXPECT_EQ(decode(close_frame(with_code(1000, longest + "r"))), Lines{"violation:1002"});
    EXPECT_EQ(decode(close_frame(with_code(1000, "\xCE\xBA"))), Lines{"close:1000:\xCE\xBA"});
    EXPECT_EQ(decode(close_frame(with_code(1000, "\xCE"))), Lines{"violation:1007"});
    EXPECT_EQ(decode(close_frame(with_code(1000, "\xED\xA0\x80"))), Lines{"violation:1007"});
}

TEST(DecoderClose, NothingAfterACloseIsLookedAt) {
    for (const int opcode : {0x0, 0x1, 0x2, 0x8, 0x9, 0xF}) {
        const std::string bytes =
            close_frame(with_code(1001, "bye")) + bytes_of({.opcode = opcode, .payload = "late"});
        EXPECT_EQ(decode(bytes), Lines{"close:1001:bye"});
        EXPECT_EQ(decode_bytewise(bytes), Lines{"close:1001:bye"});
    }
}

}  // namespace
}  // namespace parley::websocket
