// Every header of this folder stands on its own, and a Timer cancels what it stands for.
#include "io/acceptor.h"
#include "io/channel.h"
#include "io/clock.h"
#include "io/dialer.h"
#include "io/entropy.h"
#include "io/loop.h"

#include <gtest/gtest.h>

#include <map>

namespace parley::io {
namespace {

class ListLoop final : public Loop {
  public:
    Instant now() const override { return Instant{}; }
    Timer call_at(Instant, Task task) override {
        timers.emplace(++last, std::move(task));
        return {*this, last};
    }
    void post(Task) override {}
    void at_turn_end(Task) override {}

    std::map<std::uint64_t, Task> timers;
    std::uint64_t last = 0;

  private:
    void cancel(std::uint64_t timer) noexcept override { timers.erase(timer); }
};

TEST(Timer, CancelsItsCallWhenDestroyed) {
    ListLoop loop;
    {
        const Timer timer = loop.call_at(Instant{}, [] {});
        EXPECT_TRUE(timer.armed());
        EXPECT_EQ(loop.timers.size(), 1u);
    }
    EXPECT_TRUE(loop.timers.empty());
}

TEST(Timer, MovesItsCallAndCancelsTheOneItReplaces) {
    ListLoop loop;
    Timer first = loop.call_at(Instant{}, [] {});
    Timer second = loop.call_at(Instant{}, [] {});
    first = std::move(second);
    EXPECT_FALSE(second.armed());
    ASSERT_EQ(loop.timers.size(), 1u);
    EXPECT_EQ(loop.timers.begin()->first, 2u);
}

class CountingEntropy final : public Entropy {
  public:
    std::string bytes(std::size_t count) override {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(static_cast<char>(i + 1));
        }
        return out;
    }
};

TEST(Entropy, MakesSeedsOfEightBytes) {
    CountingEntropy entropy;
    EXPECT_EQ(entropy.seed(), 0x0102030405060708u);
}

}  // namespace
}  // namespace parley::io
