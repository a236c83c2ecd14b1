#pragma once

#include "io/loop.h"
#include "mailbox/table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

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
};

// mailbox::Table on RocksDB, the embedded engine. In its folder:
//   rocksdb/   the engine's own files and its LOG
//   EPOCH      names this lifetime of the store; backups leave it out (R19)
//   IN_USE     locked while the table is open
// commit() goes to one thread, which writes and flushes (one fdatasync each) and posts the answer
// to the loop. The rest may be called from any thread. Closing waits for a commit under way.
class RocksTable : public mailbox::Table {
  public:
    // Makes the folder where there is none. `loop` is the store's and outlives the table. Errors:
    // store_in_use; store_failed with the file and what is wrong with it, or what room is missing.
    static Result<std::unique_ptr<RocksTable>> open(const std::string& folder, io::Loop& loop,
                                                    const RocksTableOptions& options = {});
    // Reclaims now what has expired; blocks. Otherwise that happens within a day or so. Any thread.
    virtual Result<void> compact() = 0;
};

}  // namespace parley::rocksdb
