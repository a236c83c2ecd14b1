#include "parley/message.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(OutgoingMessages, CarryRecipientsTextAndAnIdOfTheirOwn) {
    const auto one = OutgoingMessage::message_with_recipient("bob", "hi");
    const auto two = OutgoingMessage::message_with_recipients({"bob", "carol", "bob"}, "");
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->recipient_ids(), std::vector<std::string>{"bob"});
    EXPECT_EQ(one->text(), "hi");
    EXPECT_EQ(two->recipient_ids(), (std::vector<std::string>{"bob", "carol"}));
    EXPECT_EQ(two->text(), "");
    EXPECT_NE(one->message_id(), two->message_id());
    EXPECT_FALSE(one->is_sent());
}

TEST(OutgoingMessages, RefuseBadInputAtTheCall) {  // R13
    const auto code = [](const auto& result) {
        return result ? 0 : static_cast<int>(result.error().code);
    };
    EXPECT_EQ(code(OutgoingMessage::message_with_recipients({}, "x")), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient("", "x")), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient("a b", "x")), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient(std::string(256, 'a'), "x")), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient("bob", "\xff")), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient("bob", std::string(65537, 'x'))), 4000);
    EXPECT_EQ(code(OutgoingMessage::message_with_recipient("bob", std::string(65536, 'x'))), 0);

    std::vector<std::string> many;
    for (int i = 0; i < 1001; ++i) {
        many.push_back("u" + std::to_string(i));
    }
    EXPECT_EQ(code(OutgoingMessage::message_with_recipients(many, "x")), 4000);
    many.pop_back();
    EXPECT_EQ(code(OutgoingMessage::message_with_recipients(many, "x")), 0);
    std::vector<std::string> wide;
    for (int i = 0; i < 300; ++i) {
        wide.push_back(std::to_string(i) + std::string(250, 'u'));
    }
    EXPECT_EQ(code(OutgoingMessage::message_with_recipients(wide, "x")), 4000);
}

TEST(OutgoingMessages, TakeTheLimitsOfTheServerInUse) {
    MessageLimits limits;
    limits.text_bytes = 3;
    EXPECT_FALSE(OutgoingMessage::message_with_recipient("bob", "four", limits));
    limits.text_bytes = 100'000;
    EXPECT_TRUE(OutgoingMessage::message_with_recipient("bob", std::string(70'000, 'x'), limits));
}

TEST(OutgoingMessages, RefuseTheHeaderThatIsTooMuch) {
    auto message = *OutgoingMessage::message_with_recipient("bob", "x");
    EXPECT_TRUE(message.add_header(std::string(4000, 'v'), "key"));
    const auto refused = message.add_header(std::string(94, 'v'), "two");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(message.headers().size(), 1u);
    EXPECT_TRUE(message.add_header(std::string(90, 'v'), "two"));
    // A replaced value makes room.
    EXPECT_TRUE(message.add_header("short", "key"));
    EXPECT_TRUE(message.add_header(std::string(3000, 'v'), "two"));
    EXPECT_EQ(message.headers().at("key"), "short");
    EXPECT_FALSE(message.add_header("value", ""));
    EXPECT_FALSE(message.add_header("\xff", "key"));
    EXPECT_FALSE(message.add_header("value", "\xff"));
}

TEST(OutgoingMessages, CopiesOfTheHandleAreTheSameMessageCopiesOfTheMessageAreNot) {
    auto message = *OutgoingMessage::message_with_recipients({"bob", "carol"}, "text");
    ASSERT_TRUE(message.add_header("v", "k"));
    OutgoingMessage same = message;
    EXPECT_EQ(same.message_id(), message.message_id());
    const auto copy = OutgoingMessage::message_with_message(message);
    ASSERT_TRUE(copy);
    EXPECT_NE(copy->message_id(), message.message_id());  // R11
    EXPECT_EQ(copy->recipient_ids(), message.recipient_ids());
    EXPECT_EQ(copy->text(), message.text());
    EXPECT_EQ(copy->headers(), message.headers());
    OutgoingMessage moved = std::move(same);
    EXPECT_EQ(moved.message_id(), message.message_id());
}

}  // namespace
}  // namespace parley
