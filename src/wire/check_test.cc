#include "wire/frames.h"

#include "wire/testing/samples.h"

#include <gtest/gtest.h>

namespace parley::wire {
namespace {

TEST(UserIds, ArePrintableAsciiWithoutSpace) {
    EXPECT_TRUE(is_user_id("a"));
    EXPECT_TRUE(is_user_id("+46/~!\"<>"));
    EXPECT_TRUE(is_user_id(std::string(255, 'x')));
    EXPECT_FALSE(is_user_id(""));
    EXPECT_FALSE(is_user_id(std::string(256, 'x')));
    EXPECT_FALSE(is_user_id("a b"));
    EXPECT_FALSE(is_user_id("a\n"));
    EXPECT_FALSE(is_user_id("a\x7f"));
    EXPECT_FALSE(is_user_id("\xC3\xBC"));
}

TEST(Identifiers, AreUrlSafe) {
    EXPECT_TRUE(is_identifier("aZ09-_"));
    EXPECT_TRUE(is_identifier(std::string(64, 'x')));
    EXPECT_FALSE(is_identifier(""));
    EXPECT_FALSE(is_identifier(std::string(65, 'x')));
    EXPECT_FALSE(is_identifier("a.b"));
    EXPECT_FALSE(is_identifier("a/b"));
}

TEST(Utf8, IsWhatRfc3629Says) {
    for (const std::string_view text :
         {"", "abc", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
          "\xF4\x8F\xBF\xBF", "a\xF0\x9F\x91\x8Bz"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
    }
    for (const std::string_view text :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80",
          "\xE1\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
          "\xF1\x80\x80"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
    EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

class CheckMessage : public ::testing::Test {
  protected:
    // What is wrong with `message_`; empty: nothing.
    std::string check() const {
        const auto checked = check_message(message_, limits_);
        if (checked) {
            return "";
        }
        EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
        return checked.error().description;
    }

    Message message_ = testing::sample_message();
    Limits limits_;
};

// R13
TEST_F(CheckMessage, AcceptsWhatIsWithinTheLimits) {
    EXPECT_EQ(check(), "");
    message_.text.clear();
    message_.headers.clear();
    message_.key = {};
    EXPECT_EQ(check(), "");
    message_.text.assign(limits_.text_bytes, 'x');
    message_.headers = {{std::string(96, 'n'), std::string(4000, 'v')}};
    EXPECT_EQ(check(), "");
}

// R13: which field, which limit, what was found.
TEST_F(CheckMessage, NamesTheFieldTheLimitAndWhatWasFound) {
    message_.text.assign(65537, 'x');
    EXPECT_EQ(check(), "text: 65537 bytes, the limit is 65536");
    message_.text = "ok";
    message_.headers = {{"n", std::string(4096, 'v')}};
    EXPECT_EQ(check(), "headers: 4097 bytes of names and values, the limit is 4096");
    message_.headers.clear();
    message_.recipient_ids.clear();
    for (int i = 0; i < 1001; ++i) {
        message_.recipient_ids.emplace_back("u" + std::to_string(i));
    }
    EXPECT_EQ(check(), "recipient_ids: 1001 recipients, the limit is 1000");
    message_.recipient_ids.clear();
    for (int i = 0; i < 300; ++i) {
        message_.recipient_ids.emplace_back(std::string(250, 'u') + std::to_string(100 + i));
    }
    EXPECT_EQ(check(), "recipient_ids: 75900 bytes in total, the limit is 65536");
}

// R13
TEST_F(CheckMessage, RefusesWhatIsMalformed) {
    message_.recipient_ids.clear();
    EXPECT_NE(check().find("recipient_ids: none"), std::string::npos);
    message_.recipient_ids = {UserId("a b")};
    EXPECT_NE(check().find("recipient_ids: a user id"), std::string::npos);
    message_.recipient_ids = {UserId("bob")};
    message_.text = "\xff";
    EXPECT_EQ(check(), "text: not valid UTF-8");
    message_.text = "";
    message_.headers = {{"a", "\xff"}};
    EXPECT_NE(check().find("headers"), std::string::npos);
    message_.headers.clear();
    message_.message_id = MessageId("a b");
    EXPECT_NE(check().find("message_id"), std::string::npos);
    message_.message_id = MessageId("a");
    message_.key = ChainKey(std::string(65, 'k'));
    EXPECT_NE(check().find("idempotency_key"), std::string::npos);
}

TEST_F(CheckMessage, RefusesAFrameThatWouldBeTooLong) {
    limits_.frame_bytes = 1000;
    message_.text.assign(1000, 'x');
    EXPECT_NE(check().find("message: "), std::string::npos);
}

}  // namespace
}  // namespace parley::wire
