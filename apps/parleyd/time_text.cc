#include "time_text.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace parley::parleyd {

std::string to_rfc3339(WallTime time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
    const auto seconds = static_cast<std::time_t>(whole.count());
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) {
        return "(no date)";
    }
    std::array<char, 64> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 8> rest{};
    std::snprintf(rest.data(), rest.size(), ".%03dZ",
                  static_cast<int>((time.time_since_epoch() - whole).count()));
    return std::string(text.data(), size) + rest.data();
}

}  // namespace parley::parleyd
