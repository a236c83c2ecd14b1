#include "heartbeat.h"
#include "io/testing/manual_loop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace parley::parleyd {
namespace {

class HeartbeatTest : public testing::Test {
  protected:
    io::ManualLoop first_;
    io::ManualLoop second_;
    bool disk_is_stuck_ = false;
    Heartbeat heartbeat_{{&first_, &second_},
                         [this](std::size_t, int) { return disk_is_stuck_; },
                         Logger(null_log())};
};

TEST_F(HeartbeatTest, BeatsWhileEveryLoopTurns) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(heartbeat_.beat());
        first_.run_ready();
        second_.run_ready();
    }
}

TEST_F(HeartbeatTest, StopsWhenOneLoopIsStuckAndGoesOnWithIt) {
    EXPECT_TRUE(heartbeat_.beat());
    first_.run_ready();
    EXPECT_FALSE(heartbeat_.beat());
    first_.run_ready();
    EXPECT_FALSE(heartbeat_.beat());
    first_.run_ready();
    // However long it was stuck, one question waited for it.
    second_.run_ready();
    EXPECT_TRUE(second_.idle());
    EXPECT_TRUE(heartbeat_.beat());
    EXPECT_EQ(second_.run_ready(), 1u);
}

TEST_F(HeartbeatTest, ALoopThatWaitsForTheDiskIsNotStuck) {
    disk_is_stuck_ = true;
    EXPECT_TRUE(heartbeat_.beat());
    // Not one that has never turned: no thread of it is known.
    EXPECT_FALSE(heartbeat_.beat());
    first_.run_ready();
    second_.run_ready();
    EXPECT_TRUE(heartbeat_.beat());
    EXPECT_TRUE(heartbeat_.beat());
    disk_is_stuck_ = false;
    EXPECT_FALSE(heartbeat_.beat());
}

TEST_F(HeartbeatTest, MayGoBeforeTheTasksThatItPosted) {
    {
        Heartbeat other({&first_}, [](std::size_t, int) { return false; }, Logger(null_log()));
        EXPECT_TRUE(other.beat());
    }
    EXPECT_EQ(first_.run_ready(), 1u);
}

TEST(WaitsForDisk, IsFalseForThreadsThatRunOrSleepOrAreNone) {
    EXPECT_FALSE(waits_for_disk(::gettid()));
    EXPECT_FALSE(waits_for_disk(0));
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::atomic<int> number{0};
    std::thread sleeper([&] {
        number = ::gettid();
        number.notify_one();
        char byte;
        EXPECT_EQ(::read(ends[0], &byte, 1), 0);
    });
    number.wait(0);
    bool waits = true;
    // Its first steps may touch a page that is not there yet.
    for (int i = 0; i < 10'000 && waits; ++i) {
        waits = waits_for_disk(number);
    }
    EXPECT_FALSE(waits);
    ::close(ends[1]);
    sleeper.join();
    ::close(ends[0]);
}

// A thread waits uninterruptibly, as it would for a disk, until a child made with CLONE_VFORK ends.
TEST(WaitsForDisk, IsTrueForAnUninterruptibleWait) {
    int hold[2];
    int begun[2];
    ASSERT_EQ(::pipe2(hold, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(begun, O_CLOEXEC), 0);
    std::atomic<int> number{0};
    std::thread waiter([&] {
        number = ::gettid();
        const auto child = static_cast<pid_t>(
            ::syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
        if (child == 0) {
            char byte = 0;
            [[maybe_unused]] const auto written = ::write(begun[1], &byte, 1);
            [[maybe_unused]] const auto read = ::read(hold[0], &byte, 1);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    });
    char byte;
    ASSERT_EQ(::read(begun[0], &byte, 1), 1);
    bool waits = false;
    // The child may write before its parent has come to wait.
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!waits && std::chrono::steady_clock::now() < latest) {
        waits = waits_for_disk(number);
    }
    EXPECT_TRUE(waits);
    ASSERT_EQ(::write(hold[1], &byte, 1), 1);
    waiter.join();
    for (const int end : {hold[0], hold[1], begun[0], begun[1]}) {
        ::close(end);
    }
}

}  // namespace
}  // namespace parley::parleyd
