#include "protocol/token_object.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parley::protocol {
namespace {

std::string to_text(const TokenObject::Value& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        return "text " + std::string(*text);
    }
    if (const auto* whole = std::get_if<TokenObject::Whole>(&value)) {
        return "whole " + std::to_string(whole->value);
    }
    return std::holds_alternative<TokenObject::Missing>(value) ? "missing" : "other";
}

// What is found in a text, or why it is refused.
std::string told(const std::string& text) {
    const auto object = TokenObject::read(text, "payload");
    if (!object) {
        return object.error().description;
    }
    std::string all;
    for (const std::string_view name : {"iss", "sub", "iat", "exp", "nonce", "x", ""}) {
        all += to_text(object->find(name)) + "\n";
    }
    return all;
}

const std::string kUsual = R"({"iss":"//a/b","sub":"//a/b/users/c","iat":1514862245,"nonce":"n"})";

TEST(TokenObject, FindsTextsAndWholeNumbers) {
    const auto object = TokenObject::read(kUsual, "payload");
    ASSERT_TRUE(object);
    EXPECT_EQ(to_text(object->find("iss")), "text //a/b");
    EXPECT_EQ(to_text(object->find("iat")), "whole 1514862245");
    EXPECT_EQ(to_text(object->find("exp")), "missing");
    EXPECT_TRUE(object->has("nonce"));
    EXPECT_FALSE(object->has("nonc"));
}

TEST(TokenObject, SaysWhichPartIsNoObject) {
    for (const std::string text : {"", "[]", "7", "{", "{\"a\":1", "{\"a\":1,}", "{\"a\":01}"}) {
        const auto object = TokenObject::read(text, "header");
        ASSERT_FALSE(object) << text;
        EXPECT_EQ(object.error().description, "the token's header is not a JSON object");
    }
}

TEST(TokenObject, TakesTheLaterOfTwoValues) {
    EXPECT_EQ(told(R"({"x":"a","x":7})"), told(R"({"x":"a", "x":7})"));
    EXPECT_NE(told(R"({"x":"a","x":7})").find("whole 7"), std::string::npos);
}

// A space at the end is what the fast reader leaves to the parser.
TEST(TokenObject, ReadsTheUsualFormAsTheParserDoes) {
    const std::vector<std::string> texts = {
        kUsual,
        "{}",
        R"({"x":0})",
        R"({"x":999999999999999})",
        R"({"x":9999999999999999})",
        R"({"x":18446744073709551615})",
        R"({"x":18446744073709551616})",
        R"({"x":-1})",
        R"({"x":-0})",
        R"({"x":1.5})",
        R"({"x":1e3})",
        R"({"x":null,"":"empty"})",
        R"({"x":{"iss":"inner"}})",
        R"({"x":"\u0041\n"})",
        "{\"x\":\"\xc3\xa4\"}",
        "{\"x\":\"\xff\"}",
        "{\"x\":\"\x7f\x01\"}",
        R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8})",
        R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"x":9})",
        "\xef\xbb\xbf{\"x\":1}",
        R"({"x":1}{})",
    };
    for (const std::string& text : texts) {
        EXPECT_EQ(told(text), told(text + " ")) << text;
    }
}

TEST(TokenObject, ReadsBentTextsAsTheParserDoes) {
    constexpr std::string_view kBytes = "{}[]\":,\\ 019ax-.e\xc3";
    Random random(7);
    int read = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = kUsual;
        for (std::uint64_t bends = 1 + random.below(3); bends > 0; --bends) {
            text[random.below(text.size())] = kBytes[random.below(kBytes.size())];
        }
        read += TokenObject::read(text, "payload") ? 1 : 0;
        ASSERT_EQ(told(text), told(text + " ")) << text;
    }
    EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace parley::protocol
