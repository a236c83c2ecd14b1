#include "adapters/rocksdb/tuning.h"

#include "adapters/rocksdb/hashed_memtable.h"
#include "adapters/rocksdb/partitioned_memtable.h"
#include "adapters/rocksdb/prepared_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

namespace parley::rocksdb {
namespace {

using mailbox::Space;

class DropExpired final : public ::rocksdb::CompactionFilter {
  public:
    explicit DropExpired(const std::atomic<std::int64_t>& before) : before_(before) {}

    bool Filter(int, const ::rocksdb::Slice&, const ::rocksdb::Slice& value, std::string*,
                bool*) const override {
        if (value.size() < mailbox::kStoredAtBytes) {
            return false;
        }
        std::uint64_t stored = 0;
        for (std::size_t i = 0; i < mailbox::kStoredAtBytes; ++i) {
            stored = stored << 8 | static_cast<unsigned char>(value[i]);
        }
        return static_cast<std::int64_t>(stored) < before_.load(std::memory_order_relaxed);
    }
    const char* Name() const override { return "parley.expired"; }

  private:
    const std::atomic<std::int64_t>& before_;
};

// Few threads read, and a shard must hold many blocks.
constexpr int kCacheShardBits = 4;

const char* name_of(Space space) {
    switch (space) {
        case Space::state:
            break;
        case Space::events:
            return "events";
        case Space::keys:
            return "keys";
        case Space::bodies:
            return "bodies";
    }
    return "default";
}

::rocksdb::ColumnFamilyOptions family_options(Space space, const RocksTableOptions& options,
                                              const std::shared_ptr<::rocksdb::Cache>& cache) {
    ::rocksdb::ColumnFamilyOptions family;
    family.write_buffer_size = options.write_buffer_bytes;
    family.max_write_buffer_number = 3;
    family.level_compaction_dynamic_level_bytes = true;
    // Append keys are random; the others hold text and counters.
    family.compression =
        space == Space::keys ? ::rocksdb::kNoCompression : ::rocksdb::kLZ4Compression;
    if (space == Space::events) {
        family.memtable_factory = std::make_shared<PartitionedMemtableFactory>();
    }
    if (space == Space::keys) {
        family.memtable_factory = std::make_shared<HashedMemtableFactory>();
        // Nearly every lookup is for a key that was never seen: the answer must come from the
        // filter, in memory too.
        family.memtable_whole_key_filtering = true;
        family.memtable_prefix_bloom_size_ratio = 0.1;
    }
    // What has expired or was deleted goes when its file is a day old, without other traffic to
    // push it out. Bodies are most of a store and are deleted by whole days, after the retention.
    constexpr std::uint64_t kDay = 24 * 3600;
    family.periodic_compaction_seconds = space == Space::bodies ? 7 * kDay : kDay;
    ::rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
    // Indexes and filters count against the cache, so that memory stays bounded as the store grows;
    // in partitions, for whole ones of a large table do not fit into it and would be read and
    // decompressed for each look-up.
    table.cache_index_and_filter_blocks = true;
    table.cache_index_and_filter_blocks_with_high_priority = true;
    table.index_type = ::rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
    table.enable_index_compression = false;
    table.pin_top_level_index_and_filter = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    table.format_version = 5;
    family.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
    return family;
}

}  // namespace

::rocksdb::DBOptions database_options(const RocksTableOptions& options) {
    ::rocksdb::DBOptions database;
    database.env = env_with_prepared_logs();
    database.create_if_missing = true;
    database.create_missing_column_families = true;
    // A crash can tear the end of the log, which was then not flushed and never answered: that much
    // is tolerated. Damage before the end is in records that were flushed; kPointInTimeRecovery
    // would drop them and all that follow in silence, this refuses to open. Where pages of the last
    // write are missing that is damage too: log_file.h tells the two apart.
    database.wal_recovery_mode = ::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    database.recycle_log_file_num = 0;
    database.paranoid_checks = true;
    database.use_fsync = false;  // fdatasync
    // One thread writes.
    database.allow_concurrent_memtable_write = false;
    database.enable_write_thread_adaptive_yield = false;
    // Bounds the log that a start has to replay, also where a space is seldom written: less than
    // a second of it (docs/internals/store.md).
    database.max_total_wal_size = options.write_buffer_bytes;
    database.max_background_jobs = 2;
    // Writing tables to disk waits behind those who wait for an answer.
    database.env->LowerThreadPoolCPUPriority(::rocksdb::Env::HIGH, ::rocksdb::CpuPriority::kLow);
    database.env->LowerThreadPoolCPUPriority(::rocksdb::Env::LOW, ::rocksdb::CpuPriority::kLow);
    database.max_open_files = 512;
    database.bytes_per_sync = 1 << 20;
    database.skip_stats_update_on_db_open = true;
    database.skip_checking_sst_file_sizes_on_db_open = true;
    database.stats_dump_period_sec = 0;
    database.stats_persist_period_sec = 0;
    database.avoid_unnecessary_blocking_io = true;
    database.info_log_level = ::rocksdb::WARN_LEVEL;
    database.max_log_file_size = 1 << 20;
    database.keep_log_file_num = 2;
    database.max_manifest_file_size = 4 << 20;
    return database;
}

std::vector<::rocksdb::ColumnFamilyDescriptor> column_families(
    const RocksTableOptions& options, const ExpiryTimes& times,
    std::vector<std::unique_ptr<::rocksdb::CompactionFilter>>& filters) {
    const std::shared_ptr<::rocksdb::Cache> cache =
        ::rocksdb::NewLRUCache(options.block_cache_bytes, kCacheShardBits);
    std::vector<::rocksdb::ColumnFamilyDescriptor> families;
    for (std::size_t i = 0; i < mailbox::kSpaces; ++i) {
        const auto space = static_cast<Space>(i);
        ::rocksdb::ColumnFamilyOptions family = family_options(space, options, cache);
        if (mailbox::expires(space)) {
            filters.push_back(std::make_unique<DropExpired>(times[i]));
            family.compaction_filter = filters.back().get();
        }
        families.emplace_back(name_of(space), std::move(family));
    }
    return families;
}

}  // namespace parley::rocksdb
