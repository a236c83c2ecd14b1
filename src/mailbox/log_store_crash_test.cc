// A process that ends at any point, on a disk that loses what was not durable.
#include "base/random.h"
#include "mailbox/testing/memory_world.h"

#include <map>
#include <set>

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

// A sender that repeats each message with its key until it is held, and a reader that follows with
// a cursor.
class Conversation {
  public:
    explicit Conversation(MemoryWorld& world) : world_(world) {}

    // One more message is wanted.
    void want() { wanted_.push_back("m" + std::to_string(next_++)); }

    // Submits all that is not held, in order, without waiting.
    void submit() {
        if (wanted_.empty() || under_way_) {
            return;
        }
        under_way_ = true;
        std::vector<Append> appends;
        for (const std::string& one : wanted_) {
            appends.push_back(incoming("bob", one, one, shared(one + std::string(600, '.'))));
        }
        const std::string key = "sent:" + wanted_.front() + ":" + wanted_.back();
        world_.door().submit(
            std::move(appends), [key](auto) { return std::optional(sent("alice", key)); },
            [this, names = wanted_](const Store::Submitted& result) { note(names, result); });
    }
    void crashed() { under_way_ = false; }

    // Reads on from the cursor; what it shows is never taken back, skipped or shown again.
    void read(Caller& call) {
        const Read page = call.read("bob", cursor_, {.events = 3, .bytes = 1 << 20});
        EXPECT_FALSE(page.reset);
        for (const StoredEvent& event : page.events) {
            EXPECT_GT(event.sequence, last_shown_);
            last_shown_ = event.sequence;
            EXPECT_EQ(event.body->substr(0, event.bytes->size()), *event.bytes);
            shown_.push_back({event.sequence, *event.bytes});
        }
        EXPECT_GE(page.through, last_shown_);
        cursor_ = cursor_at(world_.door(), page.through);
    }

    void check() const {
        EXPECT_TRUE(wanted_.empty());
        ASSERT_EQ(shown_.size(), static_cast<std::size_t>(next_));
        for (std::size_t i = 0; i < shown_.size(); ++i) {
            EXPECT_EQ(shown_[i].second,
                      "m" + std::to_string(i));  // R6: in order; R7, R8: all, once
            EXPECT_EQ(held_.at(shown_[i].second), shown_[i].first);
        }
    }
    bool done() const {
        return wanted_.empty() && shown_.size() == static_cast<std::size_t>(next_);
    }

  private:
    void note(const std::vector<std::string>& names, const Store::Submitted& result) {
        under_way_ = false;
        std::size_t held = 0;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!is_held(result.incoming[i].outcome)) {
                break;
            }
            ++held;
            const auto [at, added] = held_.emplace(names[i], result.incoming[i].sequence);
            EXPECT_EQ(at->second, result.incoming[i].sequence);
        }
        for (std::size_t i = held; i < names.size(); ++i) {
            EXPECT_EQ(result.incoming[i].outcome, Outcome::busy);
        }
        wanted_.erase(wanted_.begin(), wanted_.begin() + static_cast<std::ptrdiff_t>(held));
    }

    MemoryWorld& world_;
    int next_ = 0;
    bool under_way_ = false;
    std::vector<std::string> wanted_;
    std::map<std::string, Sequence> held_;
    std::optional<Cursor> cursor_;
    Sequence last_shown_;
    std::vector<std::pair<Sequence, std::string>> shown_;
};

// R1, R6, R7, R8
TEST(LogStoreCrash, LosesAndRepeatsNothingWhereverItIsKilled) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        MemoryWorld world;
        Caller call(world);
        Random random(seed);
        call.enroll("alice", "phone");
        call.enroll("bob", "phone");
        Conversation talk(world);
        for (int step = 0; step < 400; ++step) {
            if (random.chance(0.3)) {
                talk.want();
            }
            talk.submit();
            world.advance(Duration(static_cast<std::int64_t>(random.below(1500))));
            if (random.chance(0.2)) {
                talk.read(call);
            }
            if (random.chance(0.05)) {
                world.table().fail_commit(1 + random.below(3), MemoryTable::Failure::refused);
            }
            if (random.chance(0.02)) {
                world.table().fail_commit(1 + random.below(3), random.chance(0.5)
                                                                   ? MemoryTable::Failure::applied
                                                                   : MemoryTable::Failure::lost);
            }
            if (world.fatal().has_value() || random.chance(0.05)) {
                world.crash(random.chance(0.5));
                talk.crashed();
            }
            // The wall clock goes where it likes.
            if (random.chance(0.05)) {
                world.clock().jump(std::chrono::minutes(static_cast<int>(random.below(120))) -
                                   60min);
            }
        }
        for (int i = 0; i < 200 && !talk.done(); ++i) {
            talk.submit();
            world.advance(10ms);
            talk.read(call);
            if (world.fatal().has_value()) {
                world.crash();
                talk.crashed();
            }
        }
        talk.check();
        if (testing::Test::HasFailure()) {
            FAIL() << "seed " << seed;
        }
    }
}

// R19
TEST(LogStoreCrash, NeverGivesASequenceTwiceAlsoWhenTheClockFallsBack) {
    MemoryWorld world;
    Caller call(world);
    call.enroll("bob", "phone");
    Sequence last;
    for (int i = 0; i < 10; ++i) {
        const Appended one = call.append(incoming("bob", std::to_string(i)));
        ASSERT_EQ(one.outcome, Outcome::stored);
        EXPECT_GT(one.sequence, last);
        last = one.sequence;
        world.clock().jump(-1h);
        world.crash();
    }
}

// R19
TEST(LogStoreCrash, ARestoredCopyHasAnotherEpochAndGoesOnAboveItsOwnHead) {
    MemoryWorld world;
    Caller call(world);
    call.enroll("bob", "phone");
    call.append(incoming("bob", "1", "one"));
    MemoryDisk copy = world.disk().copy(Epoch("second"));
    world.advance(1h);
    const Appended lost = call.append(incoming("bob", "2", "two"));
    const Cursor shown = cursor_at(world.door(), lost.sequence);
    world.restore(std::move(copy));
    const Read read = call.read("bob", shown);
    EXPECT_TRUE(read.reset);
    EXPECT_EQ(read.events.size(), 1u);
    // Sequences follow the wall clock, so what was shown before is not given again.
    EXPECT_GT(call.append(incoming("bob", "3")).sequence, lost.sequence);
}

// R24
TEST(LogStoreCrash, AnEnrolmentThatWasAnsweredSurvives) {
    for (const bool keep : {false, true}) {
        MemoryWorld world;
        Caller call(world);
        world.advance(1s);  // whatever a new store writes
        bool answered = false;
        world.door().enroll(mailbox_of("bob"), DeviceId("phone"), true, {},
                            [&](const Result<Enrolled>&) { answered = true; });
        ASSERT_TRUE(world.run_until([&] { return world.table().commit_under_way(); }));
        EXPECT_FALSE(answered);
        world.crash(keep);
        EXPECT_EQ(call.user("bob").messaging, keep);
        call.enroll("bob", "phone");
        world.crash();
        EXPECT_TRUE(call.user("bob").messaging);
        EXPECT_EQ(call.devices("bob").size(), 1u);
    }
}

TEST(LogStoreCrash, AnEraseIsWholeOrNotAtAll) {
    for (const bool keep : {false, true}) {
        MemoryWorld world;
        Caller call(world);
        call.enroll("bob", "phone");
        const Appended one = call.append(incoming("bob", "k"));
        world.door().erase(mailbox_of("bob"), [](const Result<bool>&) {});
        ASSERT_TRUE(world.run_until([&] { return world.table().commit_under_way(); }));
        world.crash(keep);
        EXPECT_EQ(call.user("bob").exists, !keep);
        EXPECT_EQ(call.contents("bob").empty(), keep);
        EXPECT_EQ(call.devices("bob").empty(), keep);
        EXPECT_EQ(call.read("bob", cursor_at(world.door(), one.sequence)).reset, keep);
    }
}

}  // namespace
}  // namespace parley::mailbox
