#include "mailbox/memory_table.h"

#include "io/testing/manual_loop.h"
#include "mailbox/testing/table_conformance.h"

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

class MemoryTableWorld final : public TableWorld {
  public:
    Table& table() override { return *table_; }
    bool run_until(const std::function<bool()>& done) override {
        return loop_.run_while([&] { return !done(); });
    }
    void reopen() override {
        table_.reset();
        table_ = std::make_unique<MemoryTable>(disk_, loop_);
    }

  private:
    io::ManualLoop loop_;
    MemoryDisk disk_;
    std::unique_ptr<MemoryTable> table_ = std::make_unique<MemoryTable>(disk_, loop_);
};

std::unique_ptr<TableWorld> make_world() {
    return std::make_unique<MemoryTableWorld>();
}

INSTANTIATE_TEST_SUITE_P(Memory, TableConformance, testing::Values(make_world));

class MemoryTableTest : public testing::Test {
  protected:
    static Commit one(std::string key) {
        return {{{Space::state, std::move(key), "v", {}}}, {}, {}};
    }

    io::ManualLoop loop_;
    MemoryDisk disk_;
    std::unique_ptr<MemoryTable> table_ = std::make_unique<MemoryTable>(disk_, loop_);
};

TEST_F(MemoryTableTest, MakesACommitDurableAfterItsDelay) {
    bool done = false;
    table_->commit(one("a"), [&](Result<void>) { done = true; });
    loop_.run_ready();
    EXPECT_FALSE(done);
    EXPECT_FALSE(table_->get(Space::state, "a")->has_value());
    loop_.advance(1ms);
    EXPECT_TRUE(done);
    EXPECT_TRUE(table_->get(Space::state, "a")->has_value());
}

TEST_F(MemoryTableTest, LosesInACrashWhatWasNotDurable) {
    table_->commit(one("a"), [](Result<void>) {});
    loop_.advance(1ms);
    bool answered = false;
    table_->commit(one("b"), [&](Result<void>) { answered = true; });
    table_ = nullptr;
    loop_.advance(1s);
    EXPECT_FALSE(answered);
    EXPECT_EQ(disk_.entries(Space::state), 1u);
}

TEST_F(MemoryTableTest, CanKeepInACrashWhatNobodyHeardOf) {
    bool answered = false;
    table_->commit(one("a"), [&](Result<void>) { answered = true; });
    table_->keep_commit_under_way();
    table_ = nullptr;
    loop_.advance(1s);
    EXPECT_FALSE(answered);
    EXPECT_EQ(disk_.entries(Space::state), 1u);
}

TEST_F(MemoryTableTest, FailsTheCommitItWasToldToFail) {
    std::vector<Result<void>> outcomes;
    const auto note = [&](Result<void> outcome) { outcomes.push_back(std::move(outcome)); };
    table_->fail_commit(2, MemoryTable::Failure::refused);
    for (const char* key : {"a", "b", "c"}) {
        table_->commit(one(key), note);
        loop_.advance(1ms);
    }
    table_->fail_commit(1, MemoryTable::Failure::applied);
    table_->commit(one("d"), note);
    loop_.advance(1ms);
    ASSERT_EQ(outcomes.size(), 4u);
    EXPECT_TRUE(outcomes[0].has_value());
    EXPECT_TRUE(outcomes[1].error().retryable);
    EXPECT_TRUE(outcomes[2].has_value());
    EXPECT_FALSE(outcomes[3].error().retryable);
    EXPECT_FALSE(table_->get(Space::state, "b")->has_value());
    EXPECT_TRUE(table_->get(Space::state, "d")->has_value());
}

TEST_F(MemoryTableTest, ACopyHasTheContentsAndAnotherEpoch) {
    table_->commit(one("a"), [](Result<void>) {});
    loop_.advance(1ms);
    const MemoryDisk copy = disk_.copy(Epoch("other"));
    EXPECT_EQ(copy.entries(Space::state), 1u);
    EXPECT_EQ(copy.epoch(), Epoch("other"));
}

}  // namespace
}  // namespace parley::mailbox
