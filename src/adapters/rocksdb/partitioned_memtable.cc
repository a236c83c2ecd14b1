#include "adapters/rocksdb/partitioned_memtable.h"

#include "adapters/rocksdb/memtable_iterator.h"
#include "base/assert.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace parley::rocksdb {
namespace {

using ::rocksdb::MemTableRep;
using ::rocksdb::Slice;

// Keys that share their first ten bits share a list: mailboxes are hashes, so all lists are as
// long. An empty one takes half a kilobyte.
constexpr std::size_t kBits = 10;
constexpr std::size_t kLists = 1 << kBits;
constexpr std::size_t kVersionBytes = 8;  // behind the key, in the engine's own keys

// Never goes down as keys go up.
std::size_t list_of(const Slice& key) {
    const auto byte = [&key](std::size_t i) -> std::size_t {
        return i < key.size() ? static_cast<unsigned char>(key[i]) : 0;
    };
    return (byte(0) << 8 | byte(1)) >> (16 - kBits);
}

std::size_t list_of_internal(const Slice& key) {
    return list_of(Slice(key.data(), key.size() - kVersionBytes));
}

class Lists final : public MemTableRep {
  public:
    Lists(const KeyComparator& compare, ::rocksdb::Allocator* allocator,
          const ::rocksdb::SliceTransform* transform, ::rocksdb::Logger* logger)
        : MemTableRep(allocator) {
        ::rocksdb::SkipListFactory factory;
        for (List& list : lists_) {
            list.entries.reset(factory.CreateMemTableRep(compare, allocator, transform, logger));
        }
    }

    // The key is not known yet. All lists make the same nodes, of one allocator, so that any of
    // them can ask for the one that another will take.
    ::rocksdb::KeyHandle Allocate(const std::size_t bytes, char** buffer) override {
        return lists_[0].entries->Allocate(bytes, buffer);
    }
    void Insert(::rocksdb::KeyHandle handle) override { InsertKey(handle); }
    bool InsertKey(::rocksdb::KeyHandle handle) override {
        List& list = lists_[list_of(UserKey(static_cast<const char*>(handle)))];
        const bool is_new = list.entries->InsertKey(handle);
        if (!list.used.load(std::memory_order_relaxed)) {  // readers share it
            list.used.store(true, std::memory_order_release);
        }
        return is_new;
    }
    bool Contains(const char* key) const override {
        return lists_[list_of(UserKey(key))].entries->Contains(key);
    }
    std::size_t ApproximateMemoryUsage() override { return sizeof *this; }
    // What merges reads by GetDynamicPrefixIterator(), and frees that.
    bool IsMergeOperatorSupported() const override { return false; }

    Iterator* GetIterator(::rocksdb::Arena* arena) override;
    // Only for MemTableRep::Get(), which does not free what it is given.
    Iterator* GetDynamicPrefixIterator(::rocksdb::Arena* arena) override;

    bool is_used(std::size_t list) const {
        return lists_[list].used.load(std::memory_order_acquire);
    }
    std::unique_ptr<Iterator> open(std::size_t list) const {
        return std::unique_ptr<Iterator>(lists_[list].entries->GetIterator(nullptr));
    }

  private:
    struct List {
        std::unique_ptr<MemTableRep> entries;
        std::atomic<bool> used = false;
    };
    std::array<List, kLists> lists_;
};

// One list after the other.
class Cursor : public MemTableRep::Iterator {
  public:
    explicit Cursor(const Lists& lists) : lists_(&lists) {}

    bool Valid() const override { return at_ != nullptr && at_->Valid(); }
    const char* key() const override { return at_->key(); }
    void Next() override {
        at_->Next();
        skip_forward();
    }
    void Prev() override {
        at_->Prev();
        skip_back();
    }
    void Seek(const Slice& internal_key, const char* memtable_key) override {
        go_to(list_of_internal(internal_key));
        at_->Seek(internal_key, memtable_key);
        skip_forward();
    }
    void SeekForPrev(const Slice& internal_key, const char* memtable_key) override {
        go_to(list_of_internal(internal_key));
        at_->SeekForPrev(internal_key, memtable_key);
        skip_back();
    }
    void SeekToFirst() override {
        go_to(0);
        at_->SeekToFirst();
        skip_forward();
    }
    void SeekToLast() override {
        go_to(kLists - 1);
        at_->SeekToLast();
        skip_back();
    }
    void move_to(const Lists& lists) {
        at_.reset();
        lists_ = &lists;
    }

  private:
    void go_to(std::size_t list) {
        list_ = list;
        at_ = lists_->open(list);
    }
    void skip_forward() {
        for (std::size_t next = list_ + 1; !at_->Valid() && next < kLists; ++next) {
            if (lists_->is_used(next)) {
                go_to(next);
                at_->SeekToFirst();
            }
        }
    }
    void skip_back() {
        for (std::size_t next = list_; !at_->Valid() && next-- > 0;) {
            if (lists_->is_used(next)) {
                go_to(next);
                at_->SeekToLast();
            }
        }
    }

    const Lists* lists_;
    std::size_t list_ = 0;
    std::unique_ptr<MemTableRep::Iterator> at_;
};

MemTableRep::Iterator* Lists::GetIterator(::rocksdb::Arena* arena) {
    return make_iterator<Cursor>(arena, *this);
}

MemTableRep::Iterator* Lists::GetDynamicPrefixIterator(::rocksdb::Arena* /*arena*/) {
    thread_local Cursor of_this_thread(*this);
    of_this_thread.move_to(*this);
    return &of_this_thread;
}

}  // namespace

MemTableRep* PartitionedMemtableFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& compare, ::rocksdb::Allocator* allocator,
    const ::rocksdb::SliceTransform* transform, ::rocksdb::Logger* logger) {
    PARLEY_ASSERT(transform == nullptr);  // all iterators of a thread would be one
    return new Lists(compare, allocator, transform, logger);
}

}  // namespace parley::rocksdb
