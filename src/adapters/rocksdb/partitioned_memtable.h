#pragma once

#include <rocksdb/memtablerep.h>

namespace parley::rocksdb {

// The tables in memory of events, whose keys begin with a mailbox: the engine's skip lists, one for
// each stretch of keys in place of one for all. An insertion into a short list takes a quarter of
// the comparisons and of the cache misses, and insertions are what a commit costs
// (docs/internals/performance.md). Order, versions and concurrent readers are the lists'. One
// writer (`allow_concurrent_memtable_write` off), no prefix extractor, no updates in place.
class PartitionedMemtableFactory final : public ::rocksdb::MemTableRepFactory {
  public:
    using ::rocksdb::MemTableRepFactory::CreateMemTableRep;
    ::rocksdb::MemTableRep* CreateMemTableRep(const ::rocksdb::MemTableRep::KeyComparator& compare,
                                              ::rocksdb::Allocator* allocator,
                                              const ::rocksdb::SliceTransform* transform,
                                              ::rocksdb::Logger* logger) override;
    const char* Name() const override { return "parley.partitioned"; }
    bool CanHandleDuplicatedKey() const override { return true; }
};

}  // namespace parley::rocksdb
