#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace parley::asio {

// Counts one connection of a listener while it lives. Empty for those that nobody counts.
class ConnectionSlot {
  public:
    using Counter = std::shared_ptr<std::atomic<std::size_t>>;

    ConnectionSlot() = default;
    explicit ConnectionSlot(Counter counter) : counter_(std::move(counter)) {
        counter_->fetch_add(1, std::memory_order_relaxed);
    }
    ConnectionSlot(ConnectionSlot&&) = default;
    ConnectionSlot& operator=(ConnectionSlot&& other) noexcept {
        if (this != &other) {
            release();
            counter_ = std::move(other.counter_);
        }
        return *this;
    }
    ~ConnectionSlot() { release(); }

    void release() {
        if (const Counter counter = std::exchange(counter_, nullptr)) {
            counter->fetch_sub(1, std::memory_order_relaxed);
        }
    }

  private:
    Counter counter_;
};

}  // namespace parley::asio
