#include "sim/sim_loop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;

TEST(SimLoop, RunsTimersInTheOrderOfTheirTimesAndNeverEarly) {
    Scheduler scheduler;
    SimLoop loop(scheduler, {-70}, 1);
    std::vector<int> order;
    const Instant start = loop.now();
    const io::Timer late = loop.call_at(start + 2s, [&] {
        order.push_back(2);
        EXPECT_GE(loop.now(), start + 2s);
    });
    const io::Timer early = loop.call_at(start + 1s, [&] {
        order.push_back(1);
        EXPECT_GE(loop.now(), start + 1s);
    });
    scheduler.run_until(3s);
    EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(SimLoop, ClocksOfTwoMachinesDrift) {
    Scheduler scheduler;
    SimLoop slow(scheduler, {-100}, 1);
    SimLoop fast(scheduler, {100}, 1);
    scheduler.run_until(1000s);
    EXPECT_EQ(fast.now() - slow.now(), 200ms);
}

TEST(SimLoop, TimeStandsStillWithinATurn) {
    Scheduler scheduler;
    SimLoop loop(scheduler, {}, 1);
    Instant first{};
    Instant second{};
    loop.post([&] { first = loop.now(); });
    loop.post([&] { second = loop.now(); });
    scheduler.run_until(1s);
    EXPECT_EQ(first, second);
}

TEST(SimLoop, TurnEndComesAfterAllTasksOfTheTurnAndBeforeTheNext) {
    Scheduler scheduler;
    SimLoop loop(scheduler, {}, 1);
    std::string order;
    loop.post([&] {
        loop.at_turn_end([&] { order += 'e'; });
        loop.post([&] { order += 'n'; });
        order += 'a';
    });
    loop.post([&] { order += 'b'; });
    scheduler.run_until(1s);
    EXPECT_EQ(order, "aben");
}

TEST(SimLoop, ADroppedTimerDoesNotRun) {
    Scheduler scheduler;
    SimLoop loop(scheduler, {}, 1);
    bool ran = false;
    {
        const io::Timer timer = loop.call_at(loop.now() + 1s, [&] { ran = true; });
    }
    scheduler.run_until(2s);
    EXPECT_FALSE(ran);
}

TEST(SimLoop, AProcessThatEndsTakesItsTasksAlong) {
    Scheduler scheduler;
    auto owned = std::make_shared<int>(1);
    std::weak_ptr<int> watched = owned;
    SimLoop loop(scheduler, {}, 1);
    bool ran = false;
    loop.post([&ran, owned = std::move(owned)] { ran = true; });
    loop.shut_down();
    EXPECT_TRUE(watched.expired());
    loop.post([&ran] { ran = true; });
    scheduler.run_until(1s);
    EXPECT_FALSE(ran);
}

TEST(SimLoop, ALoopThatNeverRestsMakesTimePass) {
    Scheduler scheduler;
    SimLoop loop(scheduler, {}, 1);
    int turns = 0;
    std::function<void()> again = [&] {
        ++turns;
        loop.post([&] { again(); });
    };
    loop.post([&] { again(); });
    scheduler.run_until(1ms);
    EXPECT_GT(turns, 10);
    EXPECT_LT(turns, 1000);
}

TEST(SimWallClock, JumpsWhenToldTo) {
    Scheduler scheduler;
    SimWallClock clock(scheduler, {});
    const WallTime before = clock.now();
    clock.jump(-1h);
    EXPECT_EQ(clock.now(), before - 1h);
    clock.correct();
    EXPECT_EQ(clock.now(), before);
}

TEST(SimEntropy, IsAFunctionOfItsSeed) {
    SimEntropy one(7);
    SimEntropy same(7);
    SimEntropy other(8);
    const std::string bytes = one.bytes(20);
    EXPECT_EQ(bytes.size(), 20u);
    EXPECT_EQ(bytes, same.bytes(20));
    EXPECT_NE(bytes, other.bytes(20));
}

}  // namespace
}  // namespace parley::sim
