#pragma once

#include "adapters/rocksdb/rocks_table.h"

#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

// How RocksDB is set up, with reasons.
namespace parley::rocksdb {

inline constexpr double kFilterBitsPerKey = 10;

// What a space's compactions drop: values that begin with an earlier time (table.h, expires()).
using ExpiryTimes = std::array<std::atomic<std::int64_t>, mailbox::kSpaces>;

::rocksdb::DBOptions database_options(const RocksTableOptions& options);

// One column family per space, in their order; Space::state is the default one. `times` outlives
// the database.
std::vector<::rocksdb::ColumnFamilyDescriptor> column_families(
    const RocksTableOptions& options, const ExpiryTimes& times,
    std::vector<std::unique_ptr<::rocksdb::CompactionFilter>>& filters);

}  // namespace parley::rocksdb
