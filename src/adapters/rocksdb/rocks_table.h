#pragma once

#include "base/log.h"
#include "io/loop.h"
#include "mailbox/table.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::rocksdb {

struct RocksTableOptions {
    // Commits are refused, retryably, while the file system has less room than this and what is in
    // memory and not yet in tables. With less than half of it (and 1 MiB)
    // a table is not opened.
    std::uint64_t free_space_reserve = 64ull << 20;
    // Of decoded blocks, indexes and filters.
    std::size_t block_cache_bytes = 64ull << 20;
    // What one space gathers in memory before it becomes a table; up to three of them are held for
    // each of four spaces.
    std::size_t write_buffer_bytes = 32ull << 20;
    // How long reclaim() gathers before it begins.
    std::chrono::milliseconds reclaim_delay{5000};
    // How long it waits for room.
    std::chrono::milliseconds reclaim_retry{60'000};
};

// mailbox::Table on RocksDB, the embedded engine. In its folder:
//   rocksdb/   the engine's own files and its LOG
//   EPOCH      names this lifetime of the store; backups leave it out (R19)
//   IN_USE     locked while the table is open
// commit() writes and flushes (one fdatasync each) on the store's loop, which waits for the disk,
// and posts the answer to it. The rest may be called from any thread.
class RocksTable : public mailbox::Table {
  public:
    // Makes the folder where there is none. `loop` is the store's and outlives the table. Errors:
    // store_in_use; store_failed with the file and what is wrong with it, or what room is missing.
    // What a power cut left of a last write that was never flushed is cut off and told
    // in the log.
    static Result<std::unique_ptr<RocksTable>> open(const std::string& folder, io::Loop& loop,
                                                    const RocksTableOptions& options = {},
                                                    const Logger& log = Logger(null_log()));
    // To be read alone, as by `parleyd verify`: nothing in the folder is changed, nor does it have
    // to be the only one there; commit() and backup() are not to be called, and there is no epoch.
    static Result<std::unique_ptr<RocksTable>> open_to_read(const std::string& folder,
                                                            const Logger& log);
    // The files of tables that belong to it, with their folder.
    virtual std::vector<std::string> files() const = 0;
    // Reclaims now what has expired; blocks. Otherwise that happens within a day or so. Any thread.
    virtual Result<void> compact() = 0;
};

struct FilesChecked {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t findings = 0;
};
// Reads the engine's files to their ends and compares their checksums: these tables, or all that
// lie in the folder if there are none, and the logs. Calls `finding` with each file that is wrong
// and what is wrong with it, `progress` after each file.
FilesChecked check_files(
    const std::string& folder, std::vector<std::string> tables,
    const std::function<void(const std::string& file, const std::string& what)>& finding,
    const std::function<void(const FilesChecked&)>& progress);

}  // namespace parley::rocksdb
