#include "adapters/asio/timers.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

std::vector<int> fire(Timers& timers, Instant now, std::vector<int>& log) {
    log.clear();
    timers.collect_due(now);
    while (Task task = timers.take_fired()) {
        task();
    }
    return log;
}

TEST(Timers, FireInTheOrderOfTheirDeadlinesAndOfTheirAdding) {
    Timers timers;
    std::vector<int> log;
    timers.add(kStart + 2s, [&] { log.push_back(3); });
    timers.add(kStart + 1s, [&] { log.push_back(1); });
    timers.add(kStart + 1s, [&] { log.push_back(2); });
    timers.add(kStart + 9s, [&] { log.push_back(4); });
    EXPECT_EQ(fire(timers, kStart + 5s, log), (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(timers.earliest(), kStart + 9s);
}

TEST(Timers, ACallbackCancelsAnotherThatIsDueInTheSameTurn) {
    Timers timers;
    std::vector<int> log;
    std::uint64_t second = 0;
    timers.add(kStart, [&] {
        log.push_back(1);
        timers.cancel(second);
    });
    second = timers.add(kStart, [&] { log.push_back(2); });
    EXPECT_EQ(fire(timers, kStart, log), (std::vector<int>{1}));
    EXPECT_EQ(timers.size(), 0u);
}

TEST(Timers, WhatACallbackAddsFiresInALaterTurn) {
    Timers timers;
    std::vector<int> log;
    timers.add(kStart, [&] {
        log.push_back(1);
        timers.add(kStart - 1s, [&] { log.push_back(2); });
    });
    EXPECT_EQ(fire(timers, kStart, log), (std::vector<int>{1}));
    EXPECT_EQ(fire(timers, kStart, log), (std::vector<int>{2}));
}

TEST(Timers, AnIdOfAFiredTimerCancelsNothingElse) {
    Timers timers;
    std::vector<int> log;
    const std::uint64_t first = timers.add(kStart, [&] { log.push_back(1); });
    fire(timers, kStart, log);
    timers.add(kStart, [&] { log.push_back(2); });
    timers.cancel(first);
    timers.cancel(0);
    EXPECT_EQ(fire(timers, kStart, log), (std::vector<int>{2}));
}

TEST(Timers, RandomAddsAndCancelsFireLikeASortedMap) {
    Random random(7);
    Timers timers;
    std::map<std::pair<Instant, std::uint64_t>, int> expected;
    std::map<int, std::pair<std::uint64_t, std::pair<Instant, std::uint64_t>>> live;
    std::vector<int> log;
    Instant now = kStart;
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t what = random.below(10);
        if (what < 6) {
            const Instant when = now + std::chrono::milliseconds(random.below(1000));
            const auto id = timers.add(when, [&log, i] { log.push_back(i); });
            expected.emplace(std::pair(when, static_cast<std::uint64_t>(i)), i);
            live[i] = {id, {when, static_cast<std::uint64_t>(i)}};
        } else if (what < 9 && !live.empty()) {
            auto victim = live.lower_bound(static_cast<int>(random.below(i + 1)));
            if (victim == live.end()) {
                victim = live.begin();
            }
            timers.cancel(victim->second.first);
            expected.erase(victim->second.second);
            live.erase(victim);
        } else {
            now += std::chrono::milliseconds(random.below(200));
            std::vector<int> due;
            while (!expected.empty() && expected.begin()->first.first <= now) {
                due.push_back(expected.begin()->second);
                live.erase(expected.begin()->second);
                expected.erase(expected.begin());
            }
            ASSERT_EQ(fire(timers, now, log), due);
        }
        ASSERT_EQ(timers.size(), expected.size());
    }
}

TEST(Timers, ClearingDestroysTasksAndWhatTheirDestructorsAdd) {
    struct Adder {
        Timers* timers;
        int* destroyed;
        Adder(Timers* t, int* d) : timers(t), destroyed(d) {}
        Adder(Adder&& other) noexcept
            : timers(std::exchange(other.timers, nullptr)), destroyed(other.destroyed) {}
        ~Adder() {
            if (timers != nullptr && ++*destroyed < 3) {
                timers->add(kStart, [again = Adder(timers, destroyed)] {});
            }
        }
        void operator()() const {}
    };
    int destroyed = 0;
    Timers timers;
    timers.add(kStart, Adder(&timers, &destroyed));
    timers.clear();
    EXPECT_EQ(destroyed, 3);
    EXPECT_EQ(timers.size(), 0u);
}

}  // namespace
}  // namespace parley::asio
