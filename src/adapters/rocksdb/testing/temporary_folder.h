#pragma once

#include <gtest/gtest.h>

#include <stdlib.h>
#include <filesystem>
#include <string>

namespace parley::rocksdb {

// A folder of its own for one test, gone with it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = testing::TempDir() + "parley-rocksdb-XXXXXX";
        path_ = ::mkdtemp(name.data()) != nullptr ? name : std::string();
        EXPECT_FALSE(path_.empty());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace parley::rocksdb
