#include "mailbox/damage.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace parley::mailbox {
namespace {

class DamageTest : public testing::Test {
  protected:
    class Names final : public LogSink {
      public:
        void write(LogLevel, std::string_view event, const std::vector<LogField>&) override {
            events.emplace_back(event);
        }
        bool enabled(LogLevel) const override { return true; }
        std::vector<std::string> events;
    };

    void note(std::string_view mailbox, std::size_t block) {
        const Error error = make_error(ErrorCode::store_failed, "block " + std::to_string(block));
        damage_.note(mailbox, error, [this, error, block, name = std::string(mailbox)] {
            tried_.push_back(name + std::to_string(block));
            return readable_.at(block) ? Result<void>() : unexpected(error);
        });
    }

    Names log_;
    Damage damage_{Logger(log_)};
    std::array<bool, 3> readable_{};
    std::vector<std::string> tried_;
};

using Tried = std::vector<std::string>;

TEST_F(DamageTest, TriesOneThingThatStaysUnreadableAtATimeAndEachInItsTurn) {
    note("a", 0);
    note("a", 1);
    note("b", 1);  // the same block, met by another mailbox
    note("b", 1);
    EXPECT_EQ(log_.events.size(), 3u);
    for (int i = 0; i < 4; ++i) {
        damage_.look_again();
    }
    EXPECT_EQ(tried_, (Tried{"a0", "a1", "b1", "a0"}));
}

TEST_F(DamageTest, ForgetsAtOnceAllThatCanBeReadAgainAndKeepsTheRest) {
    note("a", 0);
    note("b", 1);
    note("c", 2);
    readable_ = {true, false, true};
    damage_.look_again();
    EXPECT_EQ(tried_, (Tried{"a0", "b1"}));
    damage_.look_again();
    EXPECT_EQ(damage_.first(), "block 1");
    EXPECT_EQ(tried_, (Tried{"a0", "b1", "c2", "b1"}));
    readable_[1] = true;
    damage_.look_again();
    EXPECT_EQ(damage_.first(), std::nullopt);
}

// Readiness does not come and go, and the log does not repeat itself.
TEST_F(DamageTest, KnowsAThingWhileItIsTried) {
    const Error error = make_error(ErrorCode::store_failed, "block");
    bool known = false;
    damage_.note("a", error, [&]() -> Result<void> {
        known = damage_.first().has_value();
        damage_.note("a", error, []() -> Result<void> { return {}; });
        return unexpected(error);
    });
    damage_.look_again();
    EXPECT_TRUE(known);
    EXPECT_TRUE(damage_.first().has_value());
    EXPECT_EQ(log_.events, std::vector<std::string>{"store.unreadable"});
}

}  // namespace
}  // namespace parley::mailbox
