#include "adapters/rocksdb/put_order.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace parley::rocksdb {

std::vector<const mailbox::Put*> in_order(const std::vector<mailbox::Put>& puts) {
    struct Place {
        mailbox::Space space;
        std::uint64_t begin;  // the first bytes of the key, which nearly always decide
        const mailbox::Put* put;
        bool operator<(const Place& other) const {
            if (space != other.space || begin != other.begin) {
                return std::tie(space, begin) < std::tie(other.space, other.begin);
            }
            // Of one key the later put comes later, and wins.
            const int order = put->key.compare(other.put->key);
            return order != 0 ? order < 0 : put < other.put;
        }
    };
    std::vector<Place> places;
    places.reserve(puts.size());
    for (const mailbox::Put& put : puts) {
        std::uint64_t begin = 0;
        for (std::size_t i = 0; i < sizeof begin; ++i) {
            begin = begin << 8 | (i < put.key.size() ? static_cast<unsigned char>(put.key[i]) : 0);
        }
        places.push_back({put.space, begin, &put});
    }
    std::sort(places.begin(), places.end());
    std::vector<const mailbox::Put*> ordered;
    ordered.reserve(places.size());
    for (const Place& place : places) {
        ordered.push_back(place.put);
    }
    return ordered;
}

}  // namespace parley::rocksdb
