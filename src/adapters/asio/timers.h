#pragma once

#include "base/task.h"
#include "base/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace parley::asio {

// The pending timers of one loop: a binary heap that knows where each of them sits, so that a
// timer can be taken out. Timers of one instant fire in the order in which they were added.
class Timers {
  public:
    // The id is never 0 and not used again before 2^32 further timers took its place.
    std::uint64_t add(Instant when, Task task);
    // The task is destroyed. No effect if it has fired or was cancelled.
    void cancel(std::uint64_t id) noexcept;
    std::optional<Instant> earliest() const;
    // Takes out what is due, to be fired by take_fired(). What is added from now on is not among
    // it.
    void collect_due(Instant now);
    // The next task that was collected and not cancelled since; empty when there is none.
    Task take_fired();
    // Destroys all tasks, also those that destroying them adds.
    void clear();
    std::size_t size() const { return heap_.size(); }

  private:
    static constexpr std::uint32_t kNowhere = UINT32_MAX;
    static constexpr std::uint32_t kFired = UINT32_MAX - 1;

    struct Slot {
        Instant when;
        std::uint64_t order = 0;
        std::uint32_t position = kNowhere;  // in heap_, or kFired, or kNowhere: free
        std::uint32_t generation = 1;
        Task task;
    };

    bool before(std::uint32_t a, std::uint32_t b) const;
    void place(std::size_t position, std::uint32_t slot);
    void sift_up(std::size_t position);
    void sift_down(std::size_t position);
    void take_out(std::size_t position);
    Task release(std::uint32_t slot);
    std::uint64_t id_of(std::uint32_t slot) const;
    Slot* find(std::uint64_t id);

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> heap_;
    std::vector<std::uint64_t> fired_;
    std::size_t next_fired_ = 0;
    std::uint64_t next_order_ = 0;
};

}  // namespace parley::asio
