#pragma once

#include <rocksdb/memtablerep.h>

#include <new>
#include <utility>
#include <vector>

namespace parley::rocksdb {

// An iterator in a block of memory that this thread keeps for the next one. Where the engine brings
// memory of its own for an iterator (an Arena, whose header is not public) it ends it by its
// destructor alone: the memory used instead goes back to the thread then.
template <typename Iterator>
class PooledIterator final : public Iterator {
  public:
    template <typename... Arguments>
    static PooledIterator* make(Arguments&&... arguments) {
        void* block = nullptr;
        if (free().blocks.empty()) {
            block = ::operator new(sizeof(PooledIterator));
        } else {
            block = free().blocks.back();
            free().blocks.pop_back();
        }
        return new (block) PooledIterator(std::forward<Arguments>(arguments)...);
    }
    ~PooledIterator() override { free().take(this); }
    PooledIterator(const PooledIterator&) = delete;
    PooledIterator& operator=(const PooledIterator&) = delete;

  private:
    using Iterator::Iterator;

    struct Free {
        static constexpr std::size_t kMost = 16;
        std::vector<void*> blocks;
        Free() { blocks.reserve(kMost); }
        // The iterator has ended when somebody takes the block: its own memory must outlast it.
        void take(void* block) {
            if (blocks.size() == kMost) {
                ::operator delete(std::exchange(blocks.front(), block));
            } else {
                blocks.push_back(block);
            }
        }
        ~Free() {
            for (void* const block : blocks) {
                ::operator delete(block);
            }
        }
    };
    static Free& free() {
        thread_local Free of_this_thread;
        return of_this_thread;
    }
};

// As MemTableRep::GetIterator() is to make one.
template <typename Iterator, typename... Arguments>
::rocksdb::MemTableRep::Iterator* make_iterator(::rocksdb::Arena* arena, Arguments&&... arguments) {
    if (arena == nullptr) {
        return new Iterator(std::forward<Arguments>(arguments)...);
    }
    return PooledIterator<Iterator>::make(std::forward<Arguments>(arguments)...);
}

}  // namespace parley::rocksdb
