#pragma once

#include "base/assert.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace parley::protocol {

// A queue that holds no memory while it is empty: a session is mostly idle, and there are a million
// of them.
template <typename T>
class Fifo {
  public:
    bool empty() const { return first_ == items_.size(); }
    std::size_t size() const { return items_.size() - first_; }

    void push(T item) { items_.push_back(std::move(item)); }
    T& front() {
        PARLEY_ASSERT(!empty());
        return items_[first_];
    }
    T& back() {
        PARLEY_ASSERT(!empty());
        return items_.back();
    }
    T pop() {
        T item = std::move(front());
        ++first_;
        if (empty()) {
            clear();
        } else if (first_ >= 32 && first_ * 2 >= items_.size()) {
            // At most one move per item and pass: the cost of a pop stays constant on average.
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        return item;
    }
    void clear() {
        if (items_.capacity() <= kKept) {
            items_.clear();
        } else {
            std::vector<T>().swap(items_);
        }
        first_ = 0;
    }

  private:
    // So much capacity stays, so that a conversation does not allocate for each frame.
    static constexpr std::size_t kKept = sizeof(T) <= 16 ? 4 : 0;

    std::vector<T> items_;
    std::size_t first_ = 0;
};

}  // namespace parley::protocol
