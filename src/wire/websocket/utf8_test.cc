#include "wire/websocket/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace parley::websocket {
namespace {

std::string encode(std::uint32_t point) {
    std::string out;
    if (point < 0x80) {
        out += static_cast<char>(point);
    } else if (point < 0x800) {
        out += static_cast<char>(0xC0 | point >> 6);
        out += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        out += static_cast<char>(0xE0 | point >> 12);
        out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (point & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | point >> 18);
        out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
        out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (point & 0x3F));
    }
    return out;
}

TEST(Utf8, EveryCodePointIsValidExceptSurrogatesAndThoseAboveTheLast) {
    for (std::uint32_t point = 0; point < 0x120000; ++point) {
        const bool valid = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        ASSERT_EQ(is_valid_utf8(as_bytes(encode(point))), valid) << point;
    }
}

TEST(Utf8, ThereIsOneValidFormOfEachShortSequence) {
    // Of all pairs of bytes exactly ASCII twice, and the two-byte forms of U+0080 to U+07FF.
    int valid = 0;
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string pair{static_cast<char>(first), static_cast<char>(second)};
            valid += is_valid_utf8(as_bytes(pair)) ? 1 : 0;
        }
    }
    EXPECT_EQ(valid, 128 * 128 + (0x800 - 0x80));
}

TEST(Utf8, OverlongAndForbiddenFormsAreRefused) {
    for (const char* bytes :
         {"\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF", "\xF0\x80\x80\xAF",
          "\xF0\x8F\xBF\xBF", "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xED\xA0\x80",
          "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xFE", "\xFF", "\x80", "\xBF", "a\x80"}) {
        EXPECT_FALSE(is_valid_utf8(as_bytes(bytes)));
    }
}

TEST(Utf8, AnUnfinishedCharacterIsIncompleteNotWrong) {
    const std::string text = "\xCE\xBA\xE1\xBD\xB9\xF0\x9F\x98\x80";
    Utf8Validator validator;
    for (std::size_t i = 0; i < text.size(); ++i) {
        EXPECT_TRUE(validator.feed(as_bytes(text.substr(i, 1))));
        const bool at_end_of_character = i == 1 || i == 4 || i == 8;
        EXPECT_EQ(validator.complete(), at_end_of_character) << i;
    }
}

TEST(Utf8, OnceWrongItStaysWrongUntilReset) {
    Utf8Validator validator;
    EXPECT_FALSE(validator.feed(as_bytes("\xFF")));
    EXPECT_FALSE(validator.feed(as_bytes("a")));
    EXPECT_FALSE(validator.complete());
    validator.reset();
    EXPECT_TRUE(validator.feed(as_bytes("a")));
}

TEST(Utf8, AWrongByteIsFoundAtEveryPlaceOfALongText) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'a');
            EXPECT_TRUE(is_valid_utf8(as_bytes(text)));
            text[at] = '\xFF';
            EXPECT_FALSE(is_valid_utf8(as_bytes(text)));
        }
    }
}

}  // namespace
}  // namespace parley::websocket
