// The table on a file system that is really full.
#include "adapters/rocksdb/testing/rocks_world.h"

#include <gmock/gmock.h>

#include <sys/mount.h>

#include <chrono>
#include <functional>
#include <thread>

namespace parley::rocksdb {
namespace {

namespace fs = std::filesystem;

class RocksFullDiskTest : public RocksWorld {
  protected:
    void SetUp() override {
        fs::create_directories(folder());
        if (::mount("tmpfs", folder().c_str(), "tmpfs", 0, "size=24m") != 0) {
            GTEST_SKIP() << "a small file system cannot be mounted without privileges";
        }
        mounted_ = true;
    }
    void TearDown() override {
        table_.reset();
        if (mounted_) {
            EXPECT_EQ(::umount(folder().c_str()), 0);
        }
    }
    // Another process takes all there is.
    void fill() {
        std::ofstream file(ballast(), std::ios::binary | std::ios::app);
        const std::string block(64 * 1024, 'x');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size()))) {
        }
        file.close();
        std::ofstream rest(ballast(), std::ios::binary | std::ios::app);
        while (rest.put('x')) {
            rest.flush();
        }
        ASSERT_LT(fs::space(folder()).available, 4096u);
    }
    // The engine looks for room every few seconds by itself.
    void put_when_it_goes_on(const std::string& key) {
        std::string why;
        for (int i = 0; i < 300; ++i) {
            const auto taken = commit({{{mailbox::Space::state, key, "value", {}}}, {}, {}});
            if (taken) {
                return;
            }
            why = taken.error().description;
            ASSERT_TRUE(taken.error().retryable) << why;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        FAIL() << why;
    }
    std::string ballast() const { return folder() + "/ballast"; }
    static RocksTableOptions small() {
        return {.free_space_reserve = 2 << 20, .write_buffer_bytes = 1 << 20};
    }

    bool mounted_ = false;
};

// R1: what was answered is there, what is refused was not begun, and room is enough to go on.
TEST_F(RocksFullDiskTest, RefusesWhileFullAndGoesOnByItself) {
    open(small());
    put("before", std::string(100'000, 'b'));
    fill();
    for (int i = 0; i < 3; ++i) {
        const auto refused = commit({{{mailbox::Space::state, "while", "value", {}}}, {}, {}});
        ASSERT_FALSE(refused.has_value());
        EXPECT_TRUE(refused.error().retryable);
    }
    // The engine's own work runs out of room too, and that must not be the end of it.
    // What it gives back in the background is taken again.
    bool out_of_room = false;
    for (int i = 0; i < 20 && !out_of_room; ++i) {
        fill();
        out_of_room = !table_->compact().has_value();
    }
    EXPECT_TRUE(out_of_room);
    EXPECT_TRUE(has(*table_, "before"));
    EXPECT_FALSE(commit({{{mailbox::Space::state, "while", "value", {}}}, {}, {}}).has_value());
    fs::remove(ballast());
    put_when_it_goes_on("after");
    EXPECT_TRUE(has(*table_, "before"));
    EXPECT_FALSE(has(*table_, "while"));
    EXPECT_TRUE(table_->compact().has_value());
    table_.reset();
    open(small());
    EXPECT_TRUE(has(*table_, "before"));
    EXPECT_TRUE(has(*table_, "after"));
}

TEST_F(RocksFullDiskTest, LosesNothingWhenItIsClosedWhileFull) {
    open(small());
    put("before", std::string(100'000, 'b'));
    fill();
    table_.reset();
    EXPECT_EQ(open_error(folder()).code, ErrorCode::store_failed);
    fs::remove(ballast());
    open(small());
    EXPECT_TRUE(has(*table_, "before"));
}

// What was erased leaves the files when there is room to rewrite them, and that needs nobody.
TEST_F(RocksFullDiskTest, ReclaimsWhenThereIsRoomAgain) {
    RocksTableOptions options = small();
    options.reclaim_delay = std::chrono::milliseconds(0);
    options.reclaim_retry = std::chrono::milliseconds(10);
    open(options);
    const std::string secret = "fJ3kQ9zT1xW7pL5sN0vB8mC2dH6gR4yA";
    put("m", secret);
    ASSERT_TRUE(table_->compact().has_value());
    ASSERT_TRUE(commit({{}, {}, {{mailbox::Space::state, "m", "n"}}}).has_value());
    fill();
    table_->reclaim({{mailbox::Space::state, "m", "n"}});
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto wait_while = [&](const std::function<bool()>& waiting) {
        while (waiting()) {
            ASSERT_LT(std::chrono::steady_clock::now(), latest);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    };
    wait_while([&] { return log_.lines().empty(); });
    EXPECT_THAT(log_.lines()[0], testing::HasSubstr("store.not_reclaimed why=there is too little"));
    EXPECT_TRUE(is_in_a_file(secret));
    fs::remove(ballast());
    wait_while([&] { return is_in_a_file(secret); });
    EXPECT_EQ(log_.lines().size(), 1u);
}

// Half a copy is none.
TEST_F(RocksFullDiskTest, AnswersABackupThatFindsNoRoomWithAnError) {
    open(small());
    put("before", std::string(100'000, 'b'));
    fill();
    const auto made = table_->backup(folder() + "/copy");
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().description, testing::HasSubstr("copy"));
    fs::remove(ballast());
    put_when_it_goes_on("after");
}

}  // namespace
}  // namespace parley::rocksdb
