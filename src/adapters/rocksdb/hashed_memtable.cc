#include "adapters/rocksdb/hashed_memtable.h"

#include "adapters/rocksdb/memtable_iterator.h"
#include "base/assert.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::rocksdb {
namespace {

using ::rocksdb::KeyHandle;
using ::rocksdb::MemTableRep;
using ::rocksdb::Slice;

// A table is full at some 100,000 keys (RocksTableOptions::write_buffer_bytes).
constexpr std::size_t kChains = 1 << 16;
constexpr std::size_t kVersionBytes = 8;  // behind the key, in the engine's own keys

// An entry of the engine lies behind it.
struct Node {
    std::atomic<Node*> next{nullptr};

    char* entry() { return reinterpret_cast<char*>(this + 1); }
};

// The first bytes of a key, a mailbox and half of what is random, nearly always decide: sorting
// need not look where the entries lie.
struct Place {
    std::array<std::uint64_t, 3> begin;
    const char* entry;
};
using Places = std::vector<Place>;

class Chains final : public MemTableRep {
  public:
    Chains(const KeyComparator& compare, ::rocksdb::Allocator* allocator)
        : MemTableRep(allocator), compare_(compare) {}

    KeyHandle Allocate(const std::size_t bytes, char** entry) override {
        char* memory = nullptr;
        MemTableRep::Allocate(sizeof(Node) + alignof(Node) - 1 + bytes, &memory);
        const auto past = reinterpret_cast<std::uintptr_t>(memory) % alignof(Node);
        Node* const node = new (memory + (past == 0 ? 0 : alignof(Node) - past)) Node;
        *entry = node->entry();
        return node;
    }
    void Insert(KeyHandle handle) override { InsertKey(handle); }
    // A chain is in the order of its keys, the newest version of each first. False: it is there.
    bool InsertKey(KeyHandle handle) override {
        Node* const node = static_cast<Node*>(handle);
        std::atomic<Node*>* place = &chain_of(UserKey(node->entry()));
        Node* next = place->load(std::memory_order_relaxed);
        while (next != nullptr) {
            const int order = compare_(next->entry(), node->entry());
            if (order == 0) {
                return false;
            }
            if (order > 0) {
                break;
            }
            place = &next->next;
            next = place->load(std::memory_order_relaxed);
        }
        node->next.store(next, std::memory_order_relaxed);
        place->store(node, std::memory_order_release);  // the entry is written: readers may come
        count_.fetch_add(1, std::memory_order_release);
        return true;
    }
    bool Contains(const char* entry) const override {
        Node* const node = find(UserKey(entry), compare_.decode_key(entry));
        return node != nullptr && compare_(node->entry(), entry) == 0;
    }
    std::size_t ApproximateMemoryUsage() override { return sizeof *this; }
    // What merges reads by GetDynamicPrefixIterator(), and frees that.
    bool IsMergeOperatorSupported() const override { return false; }

    Iterator* GetIterator(::rocksdb::Arena* arena) override;
    // Only for MemTableRep::Get(), which does not free what it is given.
    Iterator* GetDynamicPrefixIterator(::rocksdb::Arena* arena) override;

    // The first in the key's chain that is not before it.
    Node* find(const Slice& user_key, const Slice& internal_key) const {
        Node* node = chain_of(user_key).load(std::memory_order_acquire);
        while (node != nullptr && compare_(node->entry(), internal_key) < 0) {
            node = node->next.load(std::memory_order_acquire);
        }
        return node;
    }

  private:
    std::shared_ptr<const Places> in_order();
    Place place_of(Node& node) const;
    std::atomic<Node*>& chain_of(const Slice& user_key) const {
        const std::string_view key(user_key.data(), user_key.size());
        return (*chains_)[std::hash<std::string_view>{}(key) % kChains];
    }

    const KeyComparator& compare_;
    const std::unique_ptr<std::array<std::atomic<Node*>, kChains>> chains_ =
        std::make_unique<std::array<std::atomic<Node*>, kChains>>();
    std::atomic<std::size_t> count_{0};
    std::mutex mutex_;  // guards the two below; nothing else is locked or called while it is held
    std::shared_ptr<const Places> sorted_;
    std::size_t sorted_at_ = 0;  // what was counted before: all of these are in sorted_
};

Place Chains::place_of(Node& node) const {
    Place place{{}, node.entry()};
    const Slice key = UserKey(place.entry);
    for (std::size_t i = 0; i < sizeof place.begin; ++i) {
        std::uint64_t& word = place.begin[i / 8];
        word = word << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
    }
    return place;
}

// Sorted anew only if something was inserted since: a store that is verified is read in many parts.
std::shared_ptr<const Places> Chains::in_order() {
    const std::size_t count = count_.load(std::memory_order_acquire);
    {
        const std::lock_guard lock(mutex_);
        if (sorted_ && sorted_at_ == count) {
            return sorted_;
        }
    }
    auto places = std::make_shared<Places>();
    places->reserve(count);
    for (const std::atomic<Node*>& chain : *chains_) {
        for (Node* node = chain.load(std::memory_order_acquire); node != nullptr;
             node = node->next.load(std::memory_order_acquire)) {
            places->push_back(place_of(*node));
        }
    }
    std::sort(places->begin(), places->end(), [this](const Place& a, const Place& b) {
        return a.begin != b.begin ? a.begin < b.begin : compare_(a.entry, b.entry) < 0;
    });
    const std::lock_guard lock(mutex_);
    sorted_ = places;
    sorted_at_ = count;
    return places;
}

// Over what was there when it was made, in order.
class SortedCursor : public MemTableRep::Iterator {
  public:
    SortedCursor(const MemTableRep::KeyComparator& compare, std::shared_ptr<const Places> places)
        : compare_(compare), places_(std::move(places)), at_(places_->size()) {}

    bool Valid() const override { return at_ < places_->size(); }
    const char* key() const override { return (*places_)[at_].entry; }
    void Next() override { ++at_; }
    void Prev() override { at_ = at_ == 0 ? places_->size() : at_ - 1; }
    void Seek(const Slice& internal_key, const char* /*memtable_key*/) override {
        at_ =
            first_that([&](const Place& place) { return compare_(place.entry, internal_key) < 0; });
    }
    void SeekForPrev(const Slice& internal_key, const char* /*memtable_key*/) override {
        at_ = first_that(
            [&](const Place& place) { return compare_(place.entry, internal_key) <= 0; });
        Prev();
    }
    void SeekToFirst() override { at_ = 0; }
    void SeekToLast() override {
        at_ = places_->size();
        Prev();
    }

  private:
    template <typename Before>
    std::size_t first_that(Before before) const {
        return static_cast<std::size_t>(
            std::partition_point(places_->begin(), places_->end(), before) - places_->begin());
    }

    const MemTableRep::KeyComparator& compare_;
    const std::shared_ptr<const Places> places_;
    std::size_t at_;
};

// From a key on through its chain: all versions of that key, and then others.
class ChainCursor final : public MemTableRep::Iterator {
  public:
    void move_to(const Chains& chains) {
        chains_ = &chains;
        node_ = nullptr;
    }

    bool Valid() const override { return node_ != nullptr; }
    const char* key() const override { return node_->entry(); }
    void Next() override { node_ = node_->next.load(std::memory_order_acquire); }
    void Seek(const Slice& internal_key, const char* /*memtable_key*/) override {
        const Slice user_key(internal_key.data(), internal_key.size() - kVersionBytes);
        node_ = chains_->find(user_key, internal_key);
    }
    void Prev() override { PARLEY_ASSERT(false); }  // no look-up goes there
    void SeekForPrev(const Slice&, const char*) override { PARLEY_ASSERT(false); }
    void SeekToFirst() override { PARLEY_ASSERT(false); }
    void SeekToLast() override { PARLEY_ASSERT(false); }

  private:
    const Chains* chains_ = nullptr;
    Node* node_ = nullptr;
};

MemTableRep::Iterator* Chains::GetIterator(::rocksdb::Arena* arena) {
    return make_iterator<SortedCursor>(arena, compare_, in_order());
}

MemTableRep::Iterator* Chains::GetDynamicPrefixIterator(::rocksdb::Arena* /*arena*/) {
    thread_local ChainCursor of_this_thread;
    of_this_thread.move_to(*this);
    return &of_this_thread;
}

}  // namespace

MemTableRep* HashedMemtableFactory::CreateMemTableRep(const MemTableRep::KeyComparator& compare,
                                                      ::rocksdb::Allocator* allocator,
                                                      const ::rocksdb::SliceTransform* transform,
                                                      ::rocksdb::Logger* /*logger*/) {
    PARLEY_ASSERT(transform == nullptr);  // all iterators of a thread would be one
    return new Chains(compare, allocator);
}

}  // namespace parley::rocksdb
