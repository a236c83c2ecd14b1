#include "sim/trace.h"

#include <fmt/format.h>

#include <cstring>

namespace parley::sim {

void Trace::note(std::string_view kind, std::string_view who, std::string_view what) {
    ++notes_;
    mix(static_cast<std::uint64_t>(now_().count()));
    mix(kind);
    mix(who);
    mix(what);
    if (lines_) {
        print(kind, who, what);
    }
}

void Trace::note_bytes(std::string_view kind, std::string_view who, BytesView bytes) {
    ++notes_;
    mix(static_cast<std::uint64_t>(now_().count()));
    mix(kind);
    mix(who);
    mix(as_text(bytes));
    if (lines_) {
        print(kind, who, fmt::format("{} bytes", bytes.size()));
    }
}

void Trace::mix(std::uint64_t value) {
    hash_ ^= value;
    hash_ *= 0xbf58476d1ce4e5b9ull;
    hash_ ^= hash_ >> 29;
}

void Trace::mix(std::string_view text) {
    mix(std::uint64_t{text.size()});
    while (!text.empty()) {
        std::uint64_t word = 0;
        const std::size_t count = std::min<std::size_t>(text.size(), sizeof word);
        std::memcpy(&word, text.data(), count);
        mix(word);
        text.remove_prefix(count);
    }
}

void Trace::print(std::string_view kind, std::string_view who, std::string_view what) const {
    lines_(fmt::format("{} {:<14} {:<16} {}", format_time(now_()), who, kind, what));
}

std::string format_time(Duration time) {
    const std::int64_t us = time.count();
    const std::int64_t s = us / 1'000'000;
    return fmt::format("{}d {:02}:{:02}:{:02}.{:06}", s / 86'400, s / 3'600 % 24, s / 60 % 60,
                       s % 60, us % 1'000'000);
}

}  // namespace parley::sim
