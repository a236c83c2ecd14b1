#include "adapters/asio/loop.h"

#include "adapters/asio/clock.h"
#include "adapters/asio/entropy.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;
using Wait = AsioLoop::Wait;

TEST(AsioLoop, RunsWhatAnotherThreadPostsInTheOrderOfPosting) {
    AsioLoop loop;
    std::vector<int> seen;
    static constexpr int kCount = 10000;
    std::thread poster([&] {
        for (int i = 0; i < kCount; ++i) {
            loop.post([&seen, &loop, i] {
                seen.push_back(i);
                if (i + 1 == kCount) {
                    loop.stop();
                }
            });
        }
    });
    loop.run();
    poster.join();
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(kCount));
    for (int i = 0; i < kCount; ++i) {
        ASSERT_EQ(seen[i], i);
    }
}

TEST(AsioLoop, ATaskPostedInATurnRunsInALaterOne) {
    AsioLoop loop;
    std::vector<std::string> seen;
    loop.post([&] {
        seen.push_back("first");
        loop.at_turn_end([&] { seen.push_back("end of first"); });
        loop.post([&] { seen.push_back("second"); });
    });
    loop.run_turn(Wait::yes);
    EXPECT_EQ(seen, (std::vector<std::string>{"first", "end of first"}));
    loop.run_turn(Wait::yes);
    EXPECT_EQ(seen.back(), "second");
}

TEST(AsioLoop, TheEndOfATurnMayAddToItself) {
    AsioLoop loop;
    int ends = 0;
    loop.at_turn_end([&] {
        ++ends;
        loop.at_turn_end([&] { ++ends; });
    });
    loop.run_turn(Wait::yes);
    EXPECT_EQ(ends, 2);
}

TEST(AsioLoop, TimeStandsStillWithinATurnAndTimersComeNoEarlierThanAsked) {
    AsioLoop loop;
    const Instant start = loop.now();
    std::vector<int> seen;
    Instant first_seen{};
    auto second = loop.call_at(start + 20ms, [&] {
        seen.push_back(2);
        EXPECT_GE(loop.now(), start + 20ms);
        loop.stop();
    });
    auto first = loop.call_at(start + 5ms, [&] {
        seen.push_back(1);
        first_seen = loop.now();
        const auto busy_until = std::chrono::steady_clock::now() + 1ms;
        while (std::chrono::steady_clock::now() < busy_until) {
        }
        EXPECT_EQ(loop.now(), first_seen);
    });
    auto cancelled = loop.call_at(start + 6ms, [&] { seen.push_back(3); });
    cancelled.reset();
    loop.run();
    EXPECT_EQ(seen, (std::vector<int>{1, 2}));
    EXPECT_GE(first_seen, start + 5ms);
}

TEST(AsioLoop, AnEarlierTimerSetLaterIsNotHeldUpByTheOneThatWaits) {
    AsioLoop loop;
    auto far = loop.call_at(loop.now() + 1h, [] { FAIL(); });
    loop.run_turn(Wait::no);
    auto near = loop.call_at(loop.now() + 1ms, [&] { loop.stop(); });
    loop.run();
    SUCCEED();
}

TEST(AsioLoop, AStopBeforeTheRunIsNotLost) {
    AsioLoop loop;
    loop.stop();
    loop.run();
    bool ran = false;
    loop.post([&] {
        ran = true;
        loop.stop();
    });
    loop.run();
    EXPECT_TRUE(ran);
}

TEST(AsioLoop, TasksThatAreLeftAreDestroyedUnrunAlsoThoseThatTheirDestructorsPost) {
    auto counter = std::make_shared<int>(0);
    struct PostsAtItsEnd {
        AsioLoop* loop;
        std::shared_ptr<int> counter;
        ~PostsAtItsEnd() {
            if (counter && loop != nullptr) {
                loop->post([kept = counter] { ++*kept; });
            }
        }
    };
    {
        AsioLoop loop;
        auto owned = std::make_unique<PostsAtItsEnd>(PostsAtItsEnd{nullptr, counter});
        owned->loop = &loop;
        loop.post([owned = std::move(owned), counter] { ++*counter; });
        auto timer = loop.call_at(loop.now() - 1s, [counter] { ++*counter; });
        loop.at_turn_end([counter] { ++*counter; });
        timer.reset();
    }
    EXPECT_EQ(*counter, 0);
    EXPECT_EQ(counter.use_count(), 1);
}

TEST(AsioLoop, TwoLoopsPostToEachOtherWithoutLoss) {
    AsioLoop left;
    AsioLoop right;
    int bounces = 0;
    std::function<void()> to_right;
    std::function<void()> to_left = [&] {
        left.post([&] {
            if (++bounces == 2000) {
                right.stop();
                left.stop();
                return;
            }
            to_right();
        });
    };
    to_right = [&] { right.post([&] { to_left(); }); };
    std::thread other([&] { right.run(); });
    to_right();
    left.run();
    other.join();
    EXPECT_EQ(bounces, 2000);
}

TEST(SystemEntropy, GivesAsManyBytesAsAskedAndNoTwoAlike) {
    SystemEntropy entropy;
    EXPECT_EQ(entropy.bytes(0), "");
    const std::string first = entropy.bytes(3000);
    EXPECT_EQ(first.size(), 3000u);
    EXPECT_NE(first, entropy.bytes(3000));
    EXPECT_NE(entropy.seed(), entropy.seed());
}

TEST(SystemWallClock, AgreesWithTheStandardLibrary) {
    const auto before = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const SystemWallClock clock;
    EXPECT_GE(to_ms(clock.now()), before.count());
    EXPECT_LT(to_ms(clock.now()), before.count() + 60'000);
    EXPECT_GE(clock.now_us(), before.count() * 1000);
}

}  // namespace
}  // namespace parley::asio
