#include "sim/sim_vfs.h"

#include "sim/scheduler.h"
#include "sim/sim_loop.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace parley::sim {
namespace {

class SimVfsTest : public testing::Test {
  protected:
    ~SimVfsTest() override { close(); }

    void open() {
        ASSERT_EQ(sqlite3_open_v2("store.db", &database_,
                                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_.name().c_str()),
                  SQLITE_OK);
        run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    }
    void close() {
        sqlite3_close(database_);
        database_ = nullptr;
    }
    int run(const std::string& sql) {
        return sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
    }
    int count() {
        int result = -1;
        sqlite3_exec(
            database_, "SELECT count(*) FROM t",
            [](void* to, int, char** values, char**) {
                *static_cast<int*>(to) = std::stoi(values[0]);
                return 0;
            },
            &result, nullptr);
        return result;
    }

    Scheduler scheduler_;
    SimWallClock clock_{scheduler_, {}};
    SimVfs vfs_{"test-disk", 5, clock_};
    sqlite3* database_ = nullptr;
};

TEST_F(SimVfsTest, CarriesADatabaseInWalMode) {
    open();
    ASSERT_EQ(run("CREATE TABLE t(x); INSERT INTO t VALUES(1);"), SQLITE_OK);
    close();
    open();
    EXPECT_EQ(count(), 1);
}

TEST_F(SimVfsTest, WhatIsCommittedSurvivesThePowerWhereverItGoes) {
    open();
    ASSERT_EQ(run("CREATE TABLE t(x);"), SQLITE_OK);
    int committed = 0;
    for (std::uint64_t operation = 1; operation <= 60; ++operation) {
        vfs_.interrupt_after(1 + operation % 13, [this] { vfs_.stop(PowerLoss::machine); });
        int unknown = 0;
        while (!vfs_.stopped()) {
            run("INSERT INTO t VALUES(zeroblob(3000));");
            // The one in which the power went may be there or not.
            vfs_.stopped() ? ++unknown : ++committed;
        }
        close();
        vfs_.revive();
        open();
        const int there = count();
        ASSERT_GE(there, committed) << "operation " << operation;
        ASSERT_LE(there, committed + unknown) << "operation " << operation;
        committed = there;
    }
}

TEST_F(SimVfsTest, WithoutSyncsThePowerTakesWhatWasCommitted) {
    open();
    run("PRAGMA synchronous=OFF; CREATE TABLE t(x);");
    for (int i = 0; i < 30; ++i) {
        run("INSERT INTO t VALUES(zeroblob(3000));");
    }
    EXPECT_EQ(vfs_.unsynced(), "store.db-wal");
    vfs_.stop(PowerLoss::machine);
    close();
    vfs_.revive();
    open();
    EXPECT_LT(count(), 30);
}

TEST_F(SimVfsTest, AProcessThatEndsLosesNothingWritten) {
    open();
    run("PRAGMA synchronous=OFF; CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    vfs_.stop(PowerLoss::process);
    run("INSERT INTO t VALUES(2);");
    close();
    vfs_.revive();
    open();
    EXPECT_EQ(count(), 1);
}

TEST_F(SimVfsTest, AFullDiskRefusesAndKeepsWhatThereWas) {
    open();
    run("CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    vfs_.set_capacity(vfs_.bytes_used() + 5'000);
    EXPECT_EQ(run("INSERT INTO t VALUES(zeroblob(100000));"), SQLITE_FULL);
    EXPECT_EQ(count(), 1);
    vfs_.set_capacity(SIZE_MAX);
    EXPECT_EQ(run("INSERT INTO t VALUES(zeroblob(100000));"), SQLITE_OK);
}

TEST_F(SimVfsTest, TheNthOperationFails) {
    open();
    run("CREATE TABLE t(x);");
    vfs_.fail_after(1);
    EXPECT_NE(run("INSERT INTO t VALUES(1);"), SQLITE_OK);
    vfs_.stop_failing();
    EXPECT_EQ(run("INSERT INTO t VALUES(1);"), SQLITE_OK);
}

TEST_F(SimVfsTest, SqlitesOwnRandomNumbersAreThoseOfTheSeed) {
    const auto draw = [](std::uint64_t seed) {
        SimVfs::seed_sqlite(seed);
        std::string bytes(16, '\0');
        sqlite3_randomness(16, bytes.data());
        return bytes;
    };
    const std::string one = draw(1);
    EXPECT_EQ(one, draw(1));
    EXPECT_NE(one, draw(2));
}

}  // namespace
}  // namespace parley::sim
