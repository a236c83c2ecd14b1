#include "adapters/rocksdb/reclaimer.h"

#include "adapters/rocksdb/testing/recording_log.h"
#include "adapters/rocksdb/tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace parley::rocksdb {
namespace {

using mailbox::DeleteRange;
using mailbox::Space;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using namespace std::chrono_literals;

// A reclaimer on its real thread whose work is the test's.
class ReclaimerTest : public testing::Test {
  protected:
    using Clock = Reclaimer::Clock;
    using Outcome = Reclaimer::Outcome;
    struct Call {
        std::string from;
        bool fresh = false;
        Clock::time_point began;
        Clock::time_point ended{};
    };

    void start(const Reclaimer::Options& options) {
        reclaimer_.emplace(options, Logger(log_),
                           [this](const DeleteRange& range, bool fresh, std::atomic<bool>& cancel) {
                               return work(range, fresh, cancel);
                           });
    }
    void add(const std::vector<std::string>& names) {
        std::vector<DeleteRange> ranges;
        for (const std::string& name : names) {
            ranges.push_back({Space::events, name, name + "~"});
        }
        reclaimer_->add(std::move(ranges));
    }
    // The first calls, once there are so many.
    std::vector<Call> calls(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(called_.wait_for(lock, 60s, [&] { return calls_.size() >= count; }));
        return calls_;
    }
    Call ended(std::size_t index) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(called_.wait_for(lock, 60s, [&] {
            return calls_.size() > index && calls_[index].ended != Clock::time_point();
        }));
        return calls_.at(index);
    }
    std::vector<std::string> worked(std::size_t count) {
        std::vector<std::string> names;
        for (const Call& call : calls(count)) {
            names.push_back(call.from + (call.fresh ? " fresh" : ""));
        }
        return names;
    }

    static constexpr Reclaimer::Options kAtOnce{.gather = 0ms, .retry = 0ms};

    // What the work does.
    std::atomic<bool> until_cancelled_ = false;
    std::atomic<std::chrono::milliseconds> takes_ = 0ms;
    std::vector<Reclaimer::Worked> answers_;  // of the first calls

    RecordingLog log_;

  private:
    Reclaimer::Worked work(const DeleteRange& range, bool fresh, std::atomic<bool>& cancel) {
        const auto began = Clock::now();
        std::size_t index = 0;
        {
            const std::lock_guard lock(mutex_);
            index = calls_.size();
            calls_.push_back({range.from, fresh, began, {}});
        }
        called_.notify_all();
        while (until_cancelled_ ? !cancel : Clock::now() < began + takes_.load()) {
            std::this_thread::sleep_for(1ms);
        }
        {
            const std::lock_guard lock(mutex_);
            calls_[index].ended = Clock::now();
        }
        called_.notify_all();
        if (cancel) {
            return {Outcome::later, ""};
        }
        return index < answers_.size() ? answers_[index] : Reclaimer::Worked();
    }

    std::mutex mutex_;
    std::condition_variable called_;
    std::vector<Call> calls_;

  protected:
    std::optional<Reclaimer> reclaimer_;  // ends before what its thread uses
};

// One flush brings all that was added before it into tables.
TEST_F(ReclaimerTest, WorksOneRangeAfterTheOtherAndSaysOnceThatThereAreNewOnes) {
    start(kAtOnce);
    add({"a", "b", "c"});
    EXPECT_THAT(worked(3), ElementsAre("a fresh", "b", "c"));
    add({"d"});
    EXPECT_THAT(worked(4), ElementsAre("a fresh", "b", "c", "d fresh"));
    EXPECT_THAT(log_.lines(), IsEmpty());
}

// At most a tenth of the time, however many wait, and not longer than that after the last.
TEST_F(ReclaimerTest, RestsNineTimesAsLongAsItWorkedAndFromTheEndOfThat) {
    constexpr auto kWork = 150ms;
    takes_ = kWork;
    start(kAtOnce);
    add({"a", "b"});
    const Call first = ended(0);
    const Call second = ended(1);
    EXPECT_GE(second.began, Reclaimer::rested(first.began, first.ended));
    EXPECT_GE(second.began - first.began, kWork * 10);
    // The rest of this one is over before the next is added.
    takes_ = 0ms;
    std::this_thread::sleep_until(Reclaimer::rested(second.began, second.ended) + kWork * 2);
    const auto added = Clock::now();
    add({"c"});
    EXPECT_LT(calls(3)[2].began - added, kWork * 9);
}

TEST_F(ReclaimerTest, PutsBackWhatHasToWaitAndTellsOnceWhy) {
    answers_ = {{Outcome::later, "no room"}, {Outcome::later, "no room"}};
    start(kAtOnce);
    add({"a"});
    EXPECT_THAT(worked(3), ElementsAre("a fresh", "a fresh", "a fresh"));
    EXPECT_THAT(log_.lines(), ElementsAre("warn store.not_reclaimed why=no room"));
}

TEST_F(ReclaimerTest, DoesNotTryAgainBeforeItsTime) {
    answers_ = {{Outcome::later, "no room"}};
    start({.gather = 0ms, .retry = 300ms});
    add({"a"});
    const auto two = calls(2);
    EXPECT_GE(two[1].began - two[0].began, 300ms);
}

TEST_F(ReclaimerTest, LeavesOutWhatNeverCanBeDone) {
    answers_ = {{Outcome::never, "damaged"}, {Outcome::never, "damaged"}};
    start(kAtOnce);
    add({"a", "b", "c"});
    EXPECT_THAT(worked(3), ElementsAre("a fresh", "b", "c"));
    EXPECT_THAT(log_.lines(), ElementsAre("warn store.not_reclaimed why=damaged"));
}

TEST_F(ReclaimerTest, LetsABoundedNumberWaitAndTellsOnceThatMoreAreLeftOut) {
    start({.gather = 1h, .retry = 0ms, .most_waiting = 2});
    add({"a", "b", "c"});
    add({"d"});
    ASSERT_EQ(log_.lines().size(), 1u);
    EXPECT_THAT(log_.lines()[0], HasSubstr("warn store.not_reclaimed why=too much was erased"));
    reclaimer_.reset();
    EXPECT_THAT(log_.lines().back(), HasSubstr("ranges=2"));
}

// Which is what becomes of all that was left out.
TEST(TuningTest, HasFilesOfEverySpaceRewrittenWithTime) {
    constexpr std::uint64_t kDay = 24 * 3600;
    const ExpiryTimes times{};
    std::vector<std::unique_ptr<::rocksdb::CompactionFilter>> filters;
    const auto families = column_families({}, times, filters);
    ASSERT_EQ(families.size(), mailbox::kSpaces);
    for (std::size_t i = 0; i < mailbox::kSpaces; ++i) {
        EXPECT_EQ(families[i].options.periodic_compaction_seconds,
                  static_cast<Space>(i) == Space::bodies ? 7 * kDay : kDay)
            << families[i].name;
    }
}

TEST_F(ReclaimerTest, EndsWithoutWaitingForWhatItGathers) {
    start({.gather = 1h});
    add({"a", "b"});
    const auto began = Clock::now();
    reclaimer_.reset();
    EXPECT_LT(Clock::now() - began, 60s);
    EXPECT_THAT(worked(0), IsEmpty());
    EXPECT_THAT(log_.lines(),
                ElementsAre("info store.not_reclaimed why=the store is closed ranges=2"));
}

TEST_F(ReclaimerTest, CancelsTheWorkUnderWayWhenItEnds) {
    until_cancelled_ = true;
    start(kAtOnce);
    add({"a", "b"});
    calls(1);
    reclaimer_.reset();
    EXPECT_THAT(worked(1), ElementsAre("a fresh"));
    EXPECT_THAT(log_.lines(),
                ElementsAre("info store.not_reclaimed why=the store is closed ranges=2"));
}

}  // namespace
}  // namespace parley::rocksdb
