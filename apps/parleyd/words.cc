#include "words.h"

#include <fmt/format.h>

namespace parley::parleyd {

std::string shown(std::string_view text) {
    constexpr std::size_t kShown = 64;
    std::string line;
    for (const char c : text.substr(0, kShown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte < 0x7f) {
            line += c;
        } else {
            line += fmt::format("\\x{:02x}", byte);
        }
    }
    return text.size() > kShown ? line + "..." : line;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string counted(std::uint64_t count, std::string_view one) {
    return counted(count, one, std::string(one) + "s");
}

}  // namespace parley::parleyd
