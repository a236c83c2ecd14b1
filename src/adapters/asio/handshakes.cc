#include "adapters/asio/handshakes.h"

namespace parley::asio {

Reception* Handshakes::giving_way_to(const IpAddress& owner, Instant now) const {
    const Ones& ones = *ranks_.rbegin()->second;
    const One& oldest = ones.begin()->second;
    if (now - oldest.since >= patience_) {
        return oldest.reception;
    }
    const auto own = owners_.find(owner);
    const std::size_t had = own == owners_.end() ? 0 : own->second.size();
    // With one more it has no more than who gives way has left.
    return had + 1 < ones.size() ? ones.rbegin()->second.reception : nullptr;
}

Handshakes::Place Handshakes::enter(Reception& reception, const IpAddress& owner, Instant now) {
    Place place;
    place.owner = owner;
    place.number = ++last_number_;
    Ones& ones = owners_[owner];
    if (!ones.empty()) {
        ranks_.erase(rank_of(ones));
    }
    ones.emplace(place.number, One{&reception, now});
    ranks_.emplace(rank_of(ones), &ones);
    ++size_;
    count_.fetch_add(1, std::memory_order_relaxed);
    return place;
}

void Handshakes::leave(const Place& place) {
    const auto found = owners_.find(place.owner);
    Ones& ones = found->second;
    ranks_.erase(rank_of(ones));
    ones.erase(place.number);
    if (ones.empty()) {
        owners_.erase(found);
    } else {
        ranks_.emplace(rank_of(ones), &ones);
    }
    --size_;
    count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace parley::asio
