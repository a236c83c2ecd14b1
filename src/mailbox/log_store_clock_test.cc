// Time: the guarded clock, retention, horizons, ceilings.
#include "mailbox/testing/memory_world.h"

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

class LogStoreClockTest : public testing::Test {
  protected:
    void open(const StoreSettings& settings = {}, bool expire_at_once = false) {
        world_ = std::make_unique<MemoryWorld>(
            settings, MemoryTable::Options{.expire_at_once = expire_at_once});
        call_.emplace(*world_);
        call_->enroll("alice", "phone");
        call_->enroll("bob", "phone");
    }
    void SetUp() override { open(); }
    std::int64_t since_start() const {
        return to_ms(world_->door().now()) - io::ManualWallClock::kStartMs;
    }
    static constexpr std::int64_t kHour = 3600 * 1000;

    std::unique_ptr<MemoryWorld> world_;
    std::optional<Caller> call_;
};

// R17
TEST_F(LogStoreClockTest, KeepsEveryEventWhenTheWallClockLeaps) {
    call_->append(incoming("bob", "k", "kept"));
    world_->clock().jump(24h * 365);
    world_->advance(1h);
    EXPECT_LT(since_start(), 2 * kHour);
    EXPECT_EQ(call_->contents("bob"), std::vector<std::string>{"kept"});
    const Appended next = call_->append(incoming("bob", "k2"));
    EXPECT_LT(to_ms(next.at) - io::ManualWallClock::kStartMs, 2 * kHour);
    world_->restart();
    EXPECT_LT(since_start(), 2 * kHour);
    EXPECT_EQ(call_->contents("bob").size(), 2u);
    // Believed after a day.
    world_->advance(24h);
    EXPECT_GT(since_start(), 8000 * kHour);
    EXPECT_TRUE(call_->contents("bob").empty());
}

// R17
TEST_F(LogStoreClockTest, FollowsALeapThatAnOperatorConfirms) {
    call_->append(incoming("bob", "k"));
    world_->clock().jump(24h * 365);
    world_->advance(1min);
    std::optional<bool> confirmed;
    world_->store().confirm_clock([&](const Result<void>& written) {
        confirmed = written.has_value();
        // Durable before it is said.
        EXPECT_GT(since_start(), 8000 * kHour);
    });
    world_->advance(1s);
    EXPECT_EQ(confirmed, true);
    EXPECT_TRUE(call_->contents("bob").empty());
    world_->crash();
    EXPECT_GT(since_start(), 8000 * kHour);
}

// R17
TEST_F(LogStoreClockTest, SaysThatAConfirmationWasRefusedAndThenKeepsItAllTheSame) {
    call_->append(incoming("bob", "k"));
    world_->clock().jump(24h * 365);
    world_->advance(1min);
    world_->table().set_full(true);
    std::vector<bool> answers;
    for (int i = 0; i < 2; ++i) {
        world_->store().confirm_clock(
            [&](const Result<void>& written) { answers.push_back(written.has_value()); });
    }
    world_->advance(1s);
    EXPECT_EQ(answers, (std::vector<bool>{false, false}));
    world_->table().set_full(false);
    world_->advance(1min);
    world_->crash();
    EXPECT_GT(since_start(), 8000 * kHour);
}

// R17
TEST_F(LogStoreClockTest, NeverTellsAnEarlierTimeAfterTheWallClockFell) {
    world_->advance(10h);
    const Appended one = call_->append(incoming("bob", "1"));
    world_->clock().jump(-5h);
    EXPECT_GE(world_->door().now(), one.at);
    // Nor after one that only a door has told.
    world_->clock().jump(10h);
    const WallTime told = world_->door().now();
    world_->clock().jump(-10h);
    EXPECT_GE(call_->append(incoming("alice", "1")).at, told);
    world_->crash();
    EXPECT_GE(call_->append(incoming("bob", "2")).at, one.at);
    // In a mailbox of its own too, since the store's time is stored with commits.
    EXPECT_GE(call_->append(incoming("alice", "3")).at, one.at - 5s);
}

TEST_F(LogStoreClockTest, IgnoresAWallClockThatSaysNonsense) {
    const Appended before = call_->append(incoming("bob", "1"));
    for (const auto time : {wall_time_from_ms(-5), wall_time_from_ms(9'000'000'000'000'000)}) {
        world_->clock().set(time);
        world_->advance(1min);
        const Appended one = call_->append(incoming("bob", std::to_string(to_ms(time))));
        EXPECT_EQ(one.outcome, Outcome::stored);
        EXPECT_LT(one.sequence.value(), before.sequence.value() + 1000);
    }
}

TEST_F(LogStoreClockTest, FollowsTheWallClockWithItsSequences) {
    const Appended one = call_->append(incoming("bob", "1"));
    EXPECT_GE(one.sequence.value(),
              static_cast<std::uint64_t>(io::ManualWallClock::kStartMs) * 1000);
    world_->advance(5s);
    const Appended two = call_->append(incoming("bob", "2"));
    EXPECT_GE(two.sequence.value() - one.sequence.value(), 5'000'000u);
}

// R19
TEST_F(LogStoreClockTest, PlacesNothingBelowWhatAReaderWasTakenToAfterAllEventsExpired) {
    for (const bool expire_at_once : {false, true}) {
        open({.retention = 1h, .retry_window = 5min}, expire_at_once);
        const Appended old = call_->append(incoming("bob", "old"));
        Cursor cursor = cursor_at(world_->door(), old.sequence);
        for (int round = 0; round < 6; ++round) {
            if (round % 2 == 1) {
                world_->advance(3h);
            }
            if (round % 3 == 2) {
                world_->clock().jump(-10h);
                world_->crash();
            }
            Read read = call_->read("bob", cursor);
            EXPECT_FALSE(read.reset);
            EXPECT_TRUE(read.events.empty());
            cursor = cursor_at(world_->door(), read.through);
            const Appended next = call_->append(incoming("bob", std::to_string(round)));
            ASSERT_EQ(next.outcome, Outcome::stored);
            EXPECT_GT(next.sequence, cursor.sequence);
            read = call_->read("bob", cursor);
            EXPECT_FALSE(read.reset);
            ASSERT_EQ(read.events.size(), 1u);
            EXPECT_EQ(read.events[0].sequence, next.sequence);
            cursor = cursor_at(world_->door(), read.through);
        }
    }
}

// R17
TEST_F(LogStoreClockTest, TellsTheTableWhatMayGo) {
    open({.retention = 48h, .retry_window = 48h}, true);
    call_->append(incoming("bob", "k"));
    EXPECT_EQ(world_->disk().entries(Space::events), 1u);
    world_->advance(60h);
    EXPECT_EQ(world_->disk().entries(Space::events), 0u);
    EXPECT_EQ(world_->disk().entries(Space::keys), 1u);  // the horizon is longer: 96 h
    world_->advance(60h);
    EXPECT_EQ(world_->disk().entries(Space::keys), 0u);
    EXPECT_EQ(call_->append(incoming("bob", "k")).outcome, Outcome::stored);
}

// R20
TEST_F(LogStoreClockTest, ReclaimsBodiesByDaysAfterTheirEvents) {
    open({.retention = 24h, .retry_window = 1h});
    const std::string large(2000, 'b');
    call_->append(incoming("bob", "1", "one", shared(large)));
    EXPECT_EQ(world_->disk().entries(Space::bodies), 1u);
    for (int hour = 0; hour < 24; ++hour) {
        EXPECT_EQ(*call_->read("bob").events.at(0).body, large);
        world_->advance(59min);
    }
    world_->advance(60h);
    EXPECT_EQ(world_->disk().entries(Space::bodies), 0u);
}

// R17, R20
TEST_F(LogStoreClockTest, KeepsWhatExpiredAwayWhenTheRetentionIsRaised) {
    open({.retention = 24h, .retry_window = 1h});
    call_->append(incoming("bob", "1", "one", shared(std::string(2000, 'b'))));
    world_->advance(84h);
    ASSERT_EQ(world_->disk().entries(Space::bodies), 0u);
    ASSERT_EQ(world_->disk().entries(Space::events), 1u);  // its file was not compacted
    world_->settings().retention = 240h;
    world_->restart();
    EXPECT_TRUE(call_->read("bob").events.empty());
    EXPECT_EQ(call_->append(incoming("bob", "1")).outcome, Outcome::duplicate);
    EXPECT_EQ(world_->door().trouble(), std::nullopt);
    call_->append(incoming("bob", "2", "two", shared(std::string(2000, 'c'))));
    EXPECT_EQ(call_->contents("bob").size(), 1u);
}

// The same content again, on the day on which its first copy goes.
TEST_F(LogStoreClockTest, KeepsABodyThatCameAgain) {
    open({.retention = 24h, .retry_window = 1h});
    const std::string large(2000, 'b');
    for (int i = 0; i < 30; ++i) {
        call_->append(incoming("bob", std::to_string(i), "x", shared(large)));
        for (const StoredEvent& event : call_->read("bob").events) {
            ASSERT_EQ(*event.body, large);
        }
        world_->advance(7h);
    }
}

// R17
TEST_F(LogStoreClockTest, FindsWhatIsRetainedBehindManyExpiredEvents) {
    open({.retention = 1h, .retry_window = 1h});
    std::vector<Append> appends;
    for (int i = 0; i < 3000; ++i) {
        appends.push_back(incoming("bob", std::to_string(i), "old"));
    }
    const Appended some = call_->append(std::move(appends)).at(100);
    world_->advance(40min);
    call_->append({incoming("bob", "a", "young"), incoming("bob", "b", "young")});
    world_->advance(30min);
    const std::size_t before = world_->table().reads();
    EXPECT_EQ(call_->contents("bob").size(), 2u);
    EXPECT_LT(world_->table().reads() - before, 70u);
    EXPECT_EQ(call_->read("bob", cursor_at(world_->door(), some.sequence)).events.size(), 2u);
}

TEST_F(LogStoreClockTest, WritesLittleWhileNothingHappens) {
    world_->advance(1min);
    const std::size_t before = world_->table().commits();
    world_->advance(24h);
    EXPECT_LE(world_->table().commits() - before, 150u);
    const std::size_t full = world_->table().commits();
    world_->table().set_full(true);
    world_->advance(1h);
    // Every five seconds the engine is asked whether there is room.
    EXPECT_LE(world_->table().commits() - full, 721u);
}

}  // namespace
}  // namespace parley::mailbox
