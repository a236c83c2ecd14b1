#include "values.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace parley::parleyd {
namespace {

using std::chrono::milliseconds;

struct Unit {
    std::string_view name;
    std::uint64_t size;
};
constexpr std::array<Unit, 5> kDurationUnits{
    Unit{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr std::array<Unit, 5> kByteUnits{
    Unit{"", 1}, {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}};
constexpr std::uint64_t kLongestDuration = 10'000ull * 86'400'000;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// The number times its unit, or nothing if either is foreign or the product does not fit.
template <typename Units>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Units& units) {
    const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto number = parse_count(text.substr(0, static_cast<std::size_t>(end - text.begin())));
    const auto name = text.substr(static_cast<std::size_t>(end - text.begin()));
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&](const Unit& known) { return known.name == name; });
    if (!number || unit == units.end() || *number > UINT64_MAX / unit->size) {
        return std::nullopt;
    }
    return *number * unit->size;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    const auto value = parse_with_unit(text, kDurationUnits);
    if (!value || *value > kLongestDuration) {
        return std::nullopt;
    }
    return milliseconds(static_cast<milliseconds::rep>(*value));
}

std::optional<std::uint64_t> parse_byte_count(std::string_view text) {
    return parse_with_unit(text, kByteUnits);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, value);
    if (text.empty() || !is_digit(text.front()) || failure != std::errc() || rest != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<bool> parse_switch(std::string_view text) {
    if (text == "true" || text == "1") {
        return true;
    }
    if (text == "false" || text == "0") {
        return false;
    }
    return std::nullopt;
}

std::optional<Address> parse_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    const auto port = parse_count(text.substr(colon + 1));
    if (!port || *port > 65535) {
        return std::nullopt;
    }
    if (host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        // What stands in brackets is an IPv6 address.
        if (host.find(':') == std::string_view::npos) {
            return std::nullopt;
        }
    } else if (host.find(':') != std::string_view::npos) {
        return std::nullopt;  // Without brackets nobody can tell where the port begins.
    }
    const auto is_foreign = [](char c) { return c <= ' ' || c >= 0x7f || c == '[' || c == ']'; };
    if (host.empty() || std::any_of(host.begin(), host.end(), is_foreign)) {
        return std::nullopt;
    }
    return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string to_string(const Address& address) {
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string to_string(milliseconds duration) {
    const auto count = static_cast<std::uint64_t>(duration.count());
    for (const Unit& unit : kDurationUnits) {
        if (count >= unit.size && count % unit.size == 0) {
            return std::to_string(count / unit.size).append(unit.name);
        }
    }
    return std::to_string(count) + "ms";
}

bool is_loopback(const Address& address) {
    const std::string_view host = address.host;
    if (host == "localhost" || host == "::1") {
        return true;
    }
    // A name that begins with "127." could resolve to anything.
    return host.starts_with("127.") &&
           std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace parley::parleyd
