#pragma once

#include "base/ids.h"
#include "parley/result.h"

#include <cstdint>
#include <string>

// The files beside the engine's own. Every error names the file and what the system says of it.
namespace parley::rocksdb {

// Makes the folder and those above it, mode 0700, durably.
Result<void> make_folder(const std::string& folder);
// Makes names in the folder durable.
Result<void> sync_folder(const std::string& folder);
// Of the file system that the folder lies in, for those without privileges.
Result<std::uint64_t> free_bytes(const std::string& folder);

// Of the engine's write-ahead logs in its folder.
std::uint64_t log_bytes(const std::string& engine_folder);

// Reads FOLDER/EPOCH; where there is none, makes a new random one, durably.
Result<Epoch> load_epoch(const std::string& folder);

// FOLDER/IN_USE, locked while this lives.
class FolderLock {
  public:
    // Errors: store_in_use, also within one process.
    static Result<FolderLock> take(const std::string& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;
    ~FolderLock();

  private:
    explicit FolderLock(int file) : file_(file) {}
    int file_;
};

// The engine may fail an assertion of its own where it runs out of room while it opens. Half of the
// reserve is wanted: below all of it commits end, but what is stored can be read, and each start
// writes a little.
Result<void> check_room_to_open(const std::string& folder, std::uint64_t reserve);

}  // namespace parley::rocksdb
