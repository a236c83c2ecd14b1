#include "parley/client.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace parley {
namespace {

class StoreFolder : public testing::Test {
  protected:
    void SetUp() override {
        ::setenv("XDG_DATA_HOME", "/data", 1);
        ::setenv("HOME", "/home/alice", 1);
    }
};

TEST_F(StoreFolder, StandsInTheDataFolderOfTheUser) {
    EXPECT_EQ(*default_store_folder("key", "alice"), "/data/parley/key/alice");
    ::unsetenv("XDG_DATA_HOME");
    EXPECT_EQ(*default_store_folder("key", "alice"), "/home/alice/.local/share/parley/key/alice");
    ::setenv("XDG_DATA_HOME", "relative", 1);
    EXPECT_EQ(*default_store_folder("key", "alice"), "/home/alice/.local/share/parley/key/alice");
    ::unsetenv("XDG_DATA_HOME");
    ::unsetenv("HOME");
    EXPECT_EQ(default_store_folder("key", "alice").error().code, ErrorCode::store_failed);
}

TEST_F(StoreFolder, NoNameLeavesItOrMeansAnother) {
    EXPECT_EQ(*default_store_folder("k", ".."), "/data/parley/k/%2E%2E");
    EXPECT_EQ(*default_store_folder("k", "a/b"), "/data/parley/k/a%2Fb");
    EXPECT_EQ(*default_store_folder("k", "a%2Fb"), "/data/parley/k/a%252Fb");
    EXPECT_EQ(*default_store_folder("k", "a b\xff"), "/data/parley/k/a%20b%FF");
    EXPECT_FALSE(default_store_folder("", "alice"));
    EXPECT_FALSE(default_store_folder("k", ""));
}

TEST_F(StoreFolder, LongNamesAreCutAndCompletedByTheirDigest) {
    const std::string one = *default_store_folder("k", std::string(255, '.'));
    const std::string other = *default_store_folder("k", std::string(254, '.') + "a");
    EXPECT_NE(one, other);
    for (const std::string& folder : {one, other}) {
        const std::string name = folder.substr(folder.rfind('/') + 1);
        EXPECT_LE(name.size(), 255u);
        EXPECT_GT(name.size(), 200u);  // Longer than any name that is not cut.
        EXPECT_EQ(name.substr(0, 6), "%2E%2E");
        // The cut is between two escapes.
        EXPECT_EQ(name.rfind('-') % 3, 0u);
    }
    EXPECT_EQ(*default_store_folder("k", std::string(200, 'a')),
              "/data/parley/k/" + std::string(200, 'a'));
}

}  // namespace
}  // namespace parley
