#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace parley::sdk::testing {

// A folder that goes with the test.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string path = (std::filesystem::temp_directory_path() / "parley-XXXXXX").string();
        path_ = ::mkdtemp(path.data()) == nullptr ? std::string() : path;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) {
            std::filesystem::remove_all(path_, ignored);
        }
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace parley::sdk::testing
