#include "base/random.h"

#include "base/assert.h"

#include <bit>

namespace parley {

namespace {

std::uint64_t split_mix(std::uint64_t& state) {
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void append_hex(std::string& out, std::uint64_t value, int digits) {
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
        out.push_back("0123456789abcdef"[value >> shift & 15]);
    }
}

}  // namespace

Random::Random(std::uint64_t seed) {
    for (auto& word : state_) {
        word = split_mix(seed);
    }
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
    PARLEY_ASSERT(bound > 0);
    // The lowest 2^64 mod bound values would come once too often.
    const std::uint64_t surplus = (0 - bound) % bound;
    std::uint64_t value = next();
    while (value < surplus) {
        value = next();
    }
    return value % bound;
}

double Random::unit() {
    return static_cast<double>(next() >> 11) * 0x1p-53;
}

bool Random::chance(double probability) {
    return unit() < probability;
}

std::string UuidV7::make(std::int64_t unix_ms) {
    constexpr std::int64_t kMsEnd = std::int64_t{1} << 48;
    if (unix_ms > last_ms_ && unix_ms < kMsEnd) {
        last_ms_ = unix_ms;
        // The counter starts in the lower half of its 12 bits, so that there is room to count.
        counter_ = static_cast<std::uint32_t>(random_.next() & 0x7ff);
    } else if (++counter_ > 0xfff) {
        ++last_ms_;
        counter_ = static_cast<std::uint32_t>(random_.next() & 0x7ff);
    }
    const std::uint64_t tail = random_.next();
    const auto ms = static_cast<std::uint64_t>(last_ms_);
    std::string out;
    out.reserve(36);
    append_hex(out, ms >> 16, 8);
    out.push_back('-');
    append_hex(out, ms & 0xffff, 4);
    out.push_back('-');
    append_hex(out, 0x7000 | counter_, 4);
    out.push_back('-');
    append_hex(out, 0x8000 | (tail >> 48 & 0x3fff), 4);
    out.push_back('-');
    append_hex(out, tail & 0xffffffffffffu, 12);
    return out;
}

}  // namespace parley
