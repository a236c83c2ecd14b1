#include "adapters/rocksdb/rocks_table.h"

#include "adapters/rocksdb/testing/rocks_world.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

namespace parley::rocksdb {
namespace {

using mailbox::Commit;
using mailbox::Space;
using testing::HasSubstr;

namespace fs = std::filesystem;

// A value as in a space with expire().
std::string stored_at(std::int64_t ms, const std::string& rest) {
    std::string value;
    for (int shift = 56; shift >= 0; shift -= 8) {
        value.push_back(static_cast<char>(ms >> shift & 0xff));
    }
    return value + rest;
}

using RocksTableTest = RocksWorld;

TEST_F(RocksTableTest, IsInUseOnce) {
    open();
    const Error error = open_error(folder());
    EXPECT_EQ(error.code, ErrorCode::store_in_use);
    EXPECT_THAT(error.description, HasSubstr(folder()));
    table_.reset();
    open();
}

TEST_F(RocksTableTest, NamesTheFileThatIsWrong) {
    write_file(root_.path() + "/file", "text");
    Error error = open_error(root_.path() + "/file");
    EXPECT_EQ(error.code, ErrorCode::store_failed);
    EXPECT_THAT(error.description, HasSubstr(root_.path() + "/file"));
    error = open_error(root_.path() + "/file/below");
    EXPECT_EQ(error.code, ErrorCode::store_failed);

    open();
    put("a");
    table_.reset();
    const std::string current = read_file(folder() + "/rocksdb/CURRENT");
    write_file(folder() + "/rocksdb/CURRENT", "nonsense\n");
    error = open_error(folder());
    EXPECT_EQ(error.code, ErrorCode::store_failed);
    EXPECT_THAT(error.description, HasSubstr(folder() + "/rocksdb"));
    write_file(folder() + "/rocksdb/CURRENT", current);
    open();
    EXPECT_TRUE(has(*table_, "a"));
}

TEST_F(RocksTableTest, RefusesADamagedEpochAndSaysWhatToDo) {
    open();
    table_.reset();
    for (const std::string& bad : {std::string(), std::string(100, 'a'), std::string("a b")}) {
        write_file(folder() + "/EPOCH", bad);
        const Error error = open_error(folder());
        EXPECT_EQ(error.code, ErrorCode::store_failed);
        EXPECT_THAT(error.description, HasSubstr(folder() + "/EPOCH"));
        EXPECT_THAT(error.description, HasSubstr("Remove it"));
    }
}

// R19
TEST_F(RocksTableTest, KeepsItsEpochUntilTheFileIsGone) {
    open();
    const Epoch first = table_->epoch();
    EXPECT_EQ(first.value().size(), 32u);
    table_.reset();
    open();
    EXPECT_EQ(table_->epoch(), first);
    table_.reset();
    fs::remove(folder() + "/EPOCH");
    open();
    EXPECT_NE(table_->epoch(), first);
    EXPECT_EQ(table_->epoch().value().size(), 32u);
}

// R19
TEST_F(RocksTableTest, BacksUpWhileInUseWithoutItsEpoch) {
    open();
    put("before");
    const std::string backup = root_.path() + "/backup";
    ASSERT_TRUE(table_->backup(backup).has_value());
    put("after");
    EXPECT_FALSE(fs::exists(backup + "/EPOCH"));
    auto restored = RocksTable::open(backup, loop_);
    ASSERT_TRUE(restored.has_value()) << restored.error().description;
    EXPECT_TRUE(has(**restored, "before"));
    EXPECT_FALSE(has(**restored, "after"));
    EXPECT_NE((*restored)->epoch(), table_->epoch());
    // Not over another one.
    const auto again = table_->backup(backup);
    ASSERT_FALSE(again.has_value());
    EXPECT_THAT(again.error().description, HasSubstr(backup));
}

// R1
TEST_F(RocksTableTest, HasEveryAnsweredCommitAfterAKill) {
    open();
    for (int i = 0; i < 50; ++i) {
        put("key" + std::to_string(i));
        if (i % 10 == 0) {
            auto killed = RocksTable::open(killed_copy(), loop_);
            ASSERT_TRUE(killed.has_value()) << killed.error().description;
            for (int j = 0; j <= i; ++j) {
                EXPECT_TRUE(has(**killed, "key" + std::to_string(j)));
            }
        }
    }
}

TEST_F(RocksTableTest, IsNotOpenedFarBelowTheReserve) {
    const RocksTableOptions far{.free_space_reserve = 1ull << 60};
    const auto refused = [&] {
        const auto opened = RocksTable::open(folder(), loop_, far);
        return opened ? Error{} : opened.error();
    };
    EXPECT_EQ(refused().code, ErrorCode::store_failed);
    EXPECT_FALSE(fs::exists(folder() + "/rocksdb"));
    open();
    put("key");
    table_.reset();
    EXPECT_EQ(refused().code, ErrorCode::store_failed);
    EXPECT_THAT(refused().description, HasSubstr(folder()));
    EXPECT_THAT(refused().description, HasSubstr("MiB are free"));
    open();
    EXPECT_TRUE(has(*table_, "key"));
}

TEST_F(RocksTableTest, RefusesCommitsBelowTheReserveWithoutTouchingAnything) {
    // More than is free, of which half is free.
    open({.free_space_reserve = fs::space(root_.path()).available / 2 * 3});
    const auto refused = commit({{{Space::state, "key", "value", {}}}, {}, {}});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::server_error);
    EXPECT_TRUE(refused.error().retryable);
    EXPECT_THAT(refused.error().description, HasSubstr(folder()));
    EXPECT_FALSE(has(*table_, "key"));
    table_.reset();
    open();
    EXPECT_FALSE(has(*table_, "key"));
    put("key");
}

// R17
TEST_F(RocksTableTest, ReclaimsWhatHasExpiredWhenItCompacts) {
    open();
    Commit entries;
    for (const Space space : {Space::events, Space::keys}) {
        entries.puts.push_back({space, "old", stored_at(1000, "x"), wall_time_from_ms(1000)});
        entries.puts.push_back({space, "limit", stored_at(2000, "x"), wall_time_from_ms(2000)});
        entries.puts.push_back({space, "short", "x", {}});
    }
    entries.puts.push_back({Space::state, "old", stored_at(1000, "x"), {}});
    entries.puts.push_back({Space::bodies, "old", stored_at(1000, "x"), {}});
    ASSERT_TRUE(commit(std::move(entries)).has_value());
    ASSERT_TRUE(table_->compact().has_value());
    EXPECT_TRUE(table_->get(Space::events, "old")->has_value());
    table_->expire(Space::events, wall_time_from_ms(2000));
    ASSERT_TRUE(table_->compact().has_value());
    EXPECT_FALSE(table_->get(Space::events, "old")->has_value());
    EXPECT_TRUE(table_->get(Space::events, "limit")->has_value());
    EXPECT_TRUE(table_->get(Space::events, "short")->has_value());
    EXPECT_TRUE(table_->get(Space::keys, "old")->has_value());
    EXPECT_TRUE(table_->get(Space::state, "old")->has_value());
    EXPECT_TRUE(table_->get(Space::bodies, "old")->has_value());
}

TEST_F(RocksTableTest, FinishesACommitUnderWayWhenItIsClosed) {
    open();
    bool answered = false;
    table_->commit({{{Space::state, "key", "value", {}}}, {}, {}}, [&](Result<void> result) {
        EXPECT_TRUE(result.has_value());
        answered = true;
    });
    table_.reset();
    EXPECT_TRUE(loop_.run_while([&] { return !answered; }));
    open();
    EXPECT_TRUE(has(*table_, "key"));
}

TEST_F(RocksTableTest, SaysNothingOnItsOwn) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    open();
    put("key");
    table_.reset();
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// What was erased on somebody's demand must not wait for other traffic to push it out.
TEST_F(RocksTableTest, BytesOfAReclaimedRangeLeaveTheFiles) {
    open({.reclaim_delay = std::chrono::milliseconds(0)});
    const std::string secret = "fJ3kQ9zT1xW7pL5sN0vB8mC2dH6gR4yA";
    const auto put_event = [&](const std::string& key, const std::string& value) {
        return commit({{{Space::events, key, stored_at(1, value), {}}}, {}, {}}).has_value();
    };
    ASSERT_TRUE(put_event("a", "before"));
    ASSERT_TRUE(put_event("m", secret));
    ASSERT_TRUE(put_event("z", "behind"));
    // In the oldest tables and in the log.
    ASSERT_TRUE(table_->compact().has_value());
    ASSERT_TRUE(put_event("m2", secret));
    ASSERT_TRUE(is_in_a_file(secret));
    ASSERT_TRUE(commit({{}, {}, {{Space::events, "m", "n"}}}).has_value());
    table_->reclaim({{Space::events, "m", "n"}});
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (is_in_a_file(secret)) {
        ASSERT_LT(std::chrono::steady_clock::now(), latest);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    for (const char* key : {"a", "z"}) {
        EXPECT_TRUE((*table_->get(Space::events, key)).has_value()) << key;
    }
}

// An erase must not delay a stop, and what is left out is told.
TEST_F(RocksTableTest, ClosingDoesNotWaitForWhatIsToBeReclaimed) {
    open({.reclaim_delay = std::chrono::hours(1)});
    put("key");
    table_->reclaim({{Space::events, "a", "z"}});
    const auto began = std::chrono::steady_clock::now();
    table_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::minutes(1));
    EXPECT_THAT(log_.lines(),
                testing::Contains("info store.not_reclaimed why=the store is closed ranges=1"));
}

}  // namespace
}  // namespace parley::rocksdb
