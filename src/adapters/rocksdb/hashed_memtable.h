#pragma once

#include <rocksdb/memtablerep.h>

namespace parley::rocksdb {

// The tables in memory of the append keys: a hash table, and sorted when it is read as a whole,
// which writing it to disk does, and nothing else while a server runs. Append keys are random, so
// that a place for one in a list is ten cache misses away; here it is one or two. Readers go on
// beside the writer and see what was inserted before they began. One writer
// (`allow_concurrent_memtable_write` off), no prefix extractor, no updates in place.
class HashedMemtableFactory final : public ::rocksdb::MemTableRepFactory {
  public:
    using ::rocksdb::MemTableRepFactory::CreateMemTableRep;
    ::rocksdb::MemTableRep* CreateMemTableRep(const ::rocksdb::MemTableRep::KeyComparator& compare,
                                              ::rocksdb::Allocator* allocator,
                                              const ::rocksdb::SliceTransform* transform,
                                              ::rocksdb::Logger* logger) override;
    const char* Name() const override { return "parley.hashed"; }
    bool CanHandleDuplicatedKey() const override { return true; }
};

}  // namespace parley::rocksdb
