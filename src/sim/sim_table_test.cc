#include "sim/sim_table.h"

#include "mailbox/testing/table_conformance.h"

#include <memory>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;

class SimTableWorld final : public mailbox::TableWorld {
  public:
    mailbox::Table& table() override { return *table_; }
    bool run_until(const std::function<bool()>& done) override {
        while (!done()) {
            if (!scheduler_.run_one()) {
                return false;
            }
        }
        return true;
    }
    void reopen() override {
        table_.reset();
        table_ = std::make_unique<SimTable>(disk_, scheduler_, loop_, 2, trace_);
    }

  private:
    Scheduler scheduler_;
    Trace trace_{[this] { return scheduler_.now(); }};
    SimLoop loop_{scheduler_, {}, 1};
    SimDisk disk_{Epoch("one")};
    std::unique_ptr<SimTable> table_ =
        std::make_unique<SimTable>(disk_, scheduler_, loop_, 1, trace_);
};

std::unique_ptr<mailbox::TableWorld> make_world() {
    return std::make_unique<SimTableWorld>();
}

mailbox::Commit one(std::string key) {
    return {{{mailbox::Space::state, std::move(key), "value", {}}}, {}, {}};
}

class SimTableTest : public testing::Test {
  protected:
    Scheduler scheduler_;
    Trace trace_{[this] { return scheduler_.now(); }};
    SimLoop loop_{scheduler_, {}, 1};
    SimDisk disk_{Epoch("one")};

    std::unique_ptr<SimTable> open(std::uint64_t seed) {
        return std::make_unique<SimTable>(disk_, scheduler_, loop_, seed, trace_);
    }
    bool holds(const std::string& key) { return disk_.contents()[0].contains(key); }
};

TEST_F(SimTableTest, NothingIsSeenBeforeItsFlush) {
    const auto table = open(1);
    bool done = false;
    table->commit(one("a"), [&](Result<void> result) { done = result.has_value(); });
    EXPECT_FALSE(table->get(mailbox::Space::state, "a").value().has_value());
    scheduler_.run_until(1s);
    EXPECT_TRUE(done);
    EXPECT_TRUE(table->get(mailbox::Space::state, "a").value().has_value());
}

TEST_F(SimTableTest, ACrashLosesTheCommitUnderWayOrKeepsItWhole) {
    int kept = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        auto table = open(seed);
        bool answered = false;
        const std::string a = "a" + std::to_string(seed);
        const std::string b = "b" + std::to_string(seed);
        mailbox::Commit both = one(a);
        both.puts.push_back(one(b).puts.front());
        table->commit(std::move(both), [&](Result<void>) { answered = true; });
        table.reset();
        scheduler_.run_until(scheduler_.now() + 1s);
        EXPECT_FALSE(answered);
        EXPECT_EQ(holds(a), holds(b));
        kept += holds(a) ? 1 : 0;
    }
    EXPECT_GT(kept, 5);
    EXPECT_LT(kept, 35);
}

TEST_F(SimTableTest, AFullDiskRefusesAndTouchesNothing) {
    const auto table = open(1);
    disk_.full = true;
    std::optional<Error> error;
    table->commit(one("a"), [&](Result<void> result) { error = result.error(); });
    scheduler_.run_until(1s);
    ASSERT_TRUE(error.has_value());
    EXPECT_TRUE(error->retryable);
    EXPECT_FALSE(holds("a"));
}

TEST_F(SimTableTest, AFailedFlushIsFinal) {
    const auto table = open(1);
    disk_.fail_next_commit = true;
    std::optional<Error> error;
    table->commit(one("a"), [&](Result<void> result) { error = result.error(); });
    scheduler_.run_until(1s);
    ASSERT_TRUE(error.has_value());
    EXPECT_FALSE(error->retryable);
}

}  // namespace
}  // namespace parley::sim

namespace parley::mailbox {
INSTANTIATE_TEST_SUITE_P(Simulated, TableConformance, testing::Values(sim::make_world));
}
