#pragma once

#include "adapters/asio/ip_address.h"
#include "base/time.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace parley::asio {

class Reception;

// The receptions of one loop that have not become a channel or been answered, by who is likely to
// stand behind their address. When all places are taken, one of whoever has most of them may have
// to give way to who comes:
//
//   the oldest, if it has had its time: an honest handshake takes a fraction of a second, so those
//   that fill the places for longer say nothing on purpose;
//   otherwise the youngest, if who comes has clearly fewer: so a few addresses that come again and
//   again cannot keep all others out.
//
// While all are young and from everywhere nobody gives way, or in a storm none would ever end.
class Handshakes {
  public:
    // `most` of 0: no limit. `count` is shared by the loops.
    Handshakes(std::size_t most, Duration patience, std::atomic<std::int64_t>& count)
        : most_(most), patience_(patience), count_(count) {}

    class Place {
        friend class Handshakes;
        IpAddress owner;
        std::uint64_t number = 0;  // the order in which they came
    };

    bool is_full() const { return most_ != 0 && size_ >= most_; }
    // Who gives way to one of this owner now; none: nobody. Only when full.
    Reception* giving_way_to(const IpAddress& owner, Instant now) const;
    Place enter(Reception& reception, const IpAddress& owner, Instant now);
    void leave(const Place& place);

  private:
    struct One {
        Reception* reception;
        Instant since;
    };
    using Ones = std::map<std::uint64_t, One>;
    // By how many they have, of equals by whose oldest came first.
    using Rank = std::pair<std::size_t, std::uint64_t>;
    static Rank rank_of(const Ones& ones) { return {ones.size(), ~ones.begin()->first}; }

    const std::size_t most_;
    const Duration patience_;
    std::atomic<std::int64_t>& count_;
    std::size_t size_ = 0;
    std::uint64_t last_number_ = 0;
    std::map<IpAddress, Ones> owners_;  // ordered: nobody can choose addresses that collide
    std::map<Rank, const Ones*> ranks_;
};

}  // namespace parley::asio
