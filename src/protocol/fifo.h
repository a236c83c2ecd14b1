#pragma once

#include "base/assert.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace parley::protocol {

// A queue that is one pointer while it is empty: a session is mostly idle, and there are a million
// of them.
template <typename T>
class Fifo {
  public:
    bool empty() const { return size() == 0; }
    std::size_t size() const { return body_ ? body_->items.size() - body_->first : 0; }

    void push(T item) {
        if (!body_) {
            body_ = std::make_unique<Body>();
        }
        body_->items.push_back(std::move(item));
    }
    T& front() {
        PARLEY_ASSERT(!empty());
        return body_->items[body_->first];
    }
    T& back() {
        PARLEY_ASSERT(!empty());
        return body_->items.back();
    }
    T pop() {
        T item = std::move(front());
        std::vector<T>& items = body_->items;
        std::size_t& first = body_->first;
        ++first;
        if (first == items.size()) {
            clear();
        } else if (first >= 32 && first * 2 >= items.size()) {
            // At most one move per item and pass: the cost of a pop stays constant on average.
            items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(first));
            first = 0;
        }
        return item;
    }
    void clear() {
        if (body_ && body_->items.capacity() <= kKept) {
            body_->items.clear();
            body_->first = 0;
        } else {
            body_.reset();
        }
    }

  private:
    // So much capacity stays, so that a conversation does not allocate for each frame.
    static constexpr std::size_t kKept = sizeof(T) <= 16 ? 4 : 0;

    struct Body {
        std::vector<T> items;
        std::size_t first = 0;
    };
    std::unique_ptr<Body> body_;
};

}  // namespace parley::protocol
