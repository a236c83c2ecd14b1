#pragma once

#include "base/time.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>

namespace parley::asio {

class Reception;

// The receptions of one loop that have not become a channel or been answered, in the order in which
// they came. When all places are taken the oldest gives way to the next, if it has had its time: an
// honest handshake takes a fraction of a second, so those that fill the places for longer say
// nothing on purpose. While all are young nobody gives way, or in a storm none would ever end.
class Handshakes {
  public:
    using Place = std::list<Reception*>::iterator;
    static constexpr Duration kPatience = std::chrono::seconds(3);

    // `most` of 0: no limit. `count` is shared by the loops.
    Handshakes(std::size_t most, std::atomic<std::int64_t>& count) : most_(most), count_(count) {}

    bool is_full() const { return most_ != 0 && places_.size() >= most_; }
    Reception& oldest() { return *places_.front(); }
    Place enter(Reception& reception) {
        count_.fetch_add(1, std::memory_order_relaxed);
        return places_.insert(places_.end(), &reception);
    }
    void leave(Place place) {
        count_.fetch_sub(1, std::memory_order_relaxed);
        places_.erase(place);
    }

  private:
    const std::size_t most_;
    std::atomic<std::int64_t>& count_;
    std::list<Reception*> places_;
};

}  // namespace parley::asio
