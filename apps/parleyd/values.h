#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The values that people write in flags, variables and files: durations, amounts of bytes, whole
// numbers, addresses. What cannot be read is nothing; the caller says what was wanted.
namespace parley::parleyd {

// Where to listen. An IPv6 address stands here without its brackets.
struct Address {
    std::string host;
    std::uint16_t port = 0;  // 0: any free one

    friend bool operator==(const Address&, const Address&) = default;
};

// "500ms", "30s", "10m", "12h", "30d": a whole number and a unit, no longer than 10,000 days.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "1048576", "64KiB", "1MiB", "4GiB".
std::optional<std::uint64_t> parse_byte_count(std::string_view text);
// Decimal digits only.
std::optional<std::uint64_t> parse_count(std::string_view text);
// "true", "false", "1", "0".
std::optional<bool> parse_switch(std::string_view text);
// "127.0.0.1:7700", "localhost:7700", "[::1]:7700".
std::optional<Address> parse_address(std::string_view text);

// As parse_address reads it.
std::string to_string(const Address& address);
// As parse_duration reads it, in the largest unit that fits.
std::string to_string(std::chrono::milliseconds duration);
// Whether only this machine can reach it. A name other than localhost counts as reachable.
bool is_loopback(const Address& address);

}  // namespace parley::parleyd
