#include "open_loop.h"

#include <gtest/gtest.h>

#include <utility>

// An open loop on a clock of the test's own.
namespace parley::bench {
namespace {

constexpr Nanos kMs = 1'000'000;
constexpr std::uint32_t kRoom = 4;

// 1,000 messages a second from two senders, and a server that answers at once, or when it is told.
struct Generator {
    Generator(Nanos from, Nanos until) {
        window.from = from;
        window.until = until;
    }

    auto send() {
        return [this](std::uint32_t sender, Nanos due) {
            sent.emplace_back(sender, due);
            waiting.push_back(sender);
        };
    }
    // It looks at the clock each millisecond, and last at the end.
    void run(Nanos from, Nanos to) {
        for (Nanos now = from; now <= to && !testing::Test::HasFailure(); now += kMs) {
            look(now);
        }
    }
    void look(Nanos now) {
        const Nanos next = loop.send_due(now, window, kRoom, late, send());
        EXPECT_GE(next, std::min(now + 1, window.until.load()));
        if (answers) {
            answer_all();
        }
    }
    void answer_all() {
        for (int left = 10'000; left > 0 && !waiting.empty(); --left) {
            answer();
        }
        EXPECT_TRUE(waiting.empty()) << "it sends what is not due";
    }
    void answer() {
        const std::uint32_t sender = waiting.front();
        waiting.erase(waiting.begin());
        loop.answered(sender, kRoom, send());
    }

    OpenLoop loop{Schedule(0, 1000), 2};
    Window window;
    Histogram late;
    bool answers = true;
    std::vector<std::pair<std::uint32_t, Nanos>> sent;
    std::vector<std::uint32_t> waiting;  // senders of what has no answer
};

TEST(OpenLoopLateness, IsHowLongAfterItWasDueAMessageIsSent) {
    Generator generator(0, 10 * kSecond);
    generator.run(0, 3999 * kMs);
    EXPECT_EQ(generator.late.count(), 4000u);
    EXPECT_EQ(generator.late.max(), 0);
    // It had no core for a second.
    generator.run(5 * kSecond, 10 * kSecond);
    EXPECT_EQ(generator.late.count(), 10'000u);
    EXPECT_EQ(generator.late.max(), 1'000'000);
    EXPECT_EQ(generator.late.quantile(0.89), 0);
    EXPECT_NEAR(static_cast<double>(generator.late.quantile(0.95)), 500'000, 10'000);
}

TEST(OpenLoopLateness, IsOfWhatWasDueWhileItIsMeasured) {
    Generator generator(2 * kSecond, 3 * kSecond);
    // Late in the warm-up, on time afterwards, and not there when the end comes.
    generator.look(1500 * kMs);
    generator.run(1501 * kMs, 2899 * kMs);
    EXPECT_EQ(generator.late.count(), 900u);
    EXPECT_EQ(generator.late.max(), 0);
    generator.look(3500 * kMs);
    EXPECT_EQ(generator.late.count(), 1000u);
    EXPECT_EQ(generator.late.max(), 600'000);
    EXPECT_EQ(generator.sent.size(), 3000u);
}

TEST(OpenLoopLateness, HasNothingOfTheWaitBehindAFullSession) {
    Generator generator(0, 10 * kSecond);
    generator.answers = false;
    generator.run(0, 99 * kMs);
    EXPECT_EQ(generator.sent.size(), 2 * kRoom);
    EXPECT_TRUE(generator.loop.holds_back());
    // Each answer lets the next one of its sender go, which counts from when it was due.
    generator.answer();
    ASSERT_EQ(generator.sent.size(), 2 * kRoom + 1);
    EXPECT_EQ(generator.sent.back(), (std::pair<std::uint32_t, Nanos>{0, 8 * kMs}));
    generator.answer();
    EXPECT_EQ(generator.sent.back(), (std::pair<std::uint32_t, Nanos>{1, 9 * kMs}));
    generator.answer_all();
    EXPECT_EQ(generator.sent.size(), 100u);
    EXPECT_FALSE(generator.loop.holds_back());
    EXPECT_EQ(generator.late.count(), 100u);
    EXPECT_EQ(generator.late.max(), 0);
}

// Else a generator that stood still would be the less late the longer it did.
TEST(OpenLoopLateness, IsOfWhatASessionHasNoRoomForAsWell) {
    Generator generator(0, 10 * kSecond);
    generator.answers = false;
    generator.look(99 * kMs);
    EXPECT_EQ(generator.sent.size(), 2 * kRoom);
    EXPECT_EQ(generator.late.count(), 100u);
    EXPECT_EQ(generator.late.max(), 99'000);
    EXPECT_NEAR(static_cast<double>(generator.late.quantile(0.5)), 49'000, 1000);
}

TEST(OpenLoop, KnowsWhatWasDueAndNeverSent) {
    Generator generator(0, 10 * kSecond);
    generator.answers = false;
    generator.run(0, 19 * kMs);
    std::vector<Nanos> unsent;
    generator.loop.for_each_unsent(12 * kMs, [&](Nanos due) { unsent.push_back(due); });
    EXPECT_EQ(unsent, (std::vector<Nanos>{8 * kMs, 10 * kMs, 9 * kMs, 11 * kMs}));
}

}  // namespace
}  // namespace parley::bench
