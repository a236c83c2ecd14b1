// What people write where a value is wanted: durations, sizes, addresses, networks, the URL of a
// server. What is taken is written so that it is read as the same, and never holds what could break
// out of a header or a line.
#include "adapters/asio/ip_address.h"
#include "adapters/asio/url.h"
#include "apps/parleyd/values.h"
#include "base/assert.h"

#include <algorithm>
#include <cstdint>

namespace parley {
namespace {

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

void read_values(const std::string& text) {
    if (const auto duration = parleyd::parse_duration(text)) {
        PARLEY_ASSERT(*duration >= std::chrono::milliseconds(0));
        PARLEY_ASSERT(*duration <= std::chrono::hours(24) * 10'000);
        PARLEY_ASSERT(parleyd::parse_duration(parleyd::to_string(*duration)) == duration);
    }
    const auto count = parleyd::parse_count(text);
    PARLEY_ASSERT(!count || parleyd::parse_count(std::to_string(*count)) == count);
    PARLEY_ASSERT(!count || parleyd::parse_byte_count(text) == count);
    if (const auto address = parleyd::parse_address(text)) {
        PARLEY_ASSERT(is_plain(address->host) && !address->host.empty());
        PARLEY_ASSERT(parleyd::parse_address(parleyd::to_string(*address)) == address);
    }
}

void read_networks(const std::string& text) {
    const auto address = asio::IpAddress::parse(text);
    if (address) {
        PARLEY_ASSERT(is_plain(text));
        PARLEY_ASSERT(asio::IpAddress::parse(address->to_text()) == address);
        PARLEY_ASSERT(address->owner().owner() == address->owner());
    }
    const auto network = asio::Network::parse(text);
    if (network) {
        PARLEY_ASSERT(is_plain(text));
        const auto base = asio::IpAddress::parse(text.substr(0, text.find('/')));
        PARLEY_ASSERT(base && network->contains(*base));
    }
    PARLEY_ASSERT(!address || (network && network->contains(*address)));
}

void read_url(const std::string& text) {
    const auto url = asio::parse_url(text);
    if (!url) {
        PARLEY_ASSERT(url.error().code == ErrorCode::invalid_argument);
        return;
    }
    PARLEY_ASSERT(is_plain(text) && url->port != 0 && !url->host.empty());
    const auto again = asio::parse_url((url->tls ? "wss://" : "ws://") + url->authority);
    PARLEY_ASSERT(again && again->host == url->host && again->port == url->port);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    parley::read_values(text);
    parley::read_networks(text);
    parley::read_url(text);
    return 0;
}
