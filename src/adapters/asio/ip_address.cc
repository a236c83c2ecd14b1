#include "adapters/asio/ip_address.h"

#include <arpa/inet.h>
#include <algorithm>
#include <charconv>

namespace parley::asio {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

}  // namespace

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) {
    IpAddress address;
    std::copy(kMapped.begin(), kMapped.end(), address.raw_.begin());
    std::copy(bytes.begin(), bytes.end(), address.raw_.begin() + kMapped.size());
    return address;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
    IpAddress address;
    std::copy(bytes.begin(), bytes.end(), address.raw_.begin());
    return address;
}

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
    if (text.find('\0') != std::string::npos) {
        return std::nullopt;  // inet_pton would stop there
    }
    std::array<std::uint8_t, 4> four{};
    if (inet_pton(AF_INET, text.c_str(), four.data()) == 1) {
        return v4(four);
    }
    std::array<std::uint8_t, 16> sixteen{};
    if (inet_pton(AF_INET6, text.c_str(), sixteen.data()) == 1) {
        return v6(sixteen);
    }
    return std::nullopt;
}

bool IpAddress::is_v4() const {
    return std::equal(kMapped.begin(), kMapped.end(), raw_.begin());
}

bool IpAddress::is_loopback() const {
    if (is_v4()) {
        return raw_[12] == 127;
    }
    Raw one{};
    one.back() = 1;
    return raw_ == one;
}

IpAddress IpAddress::owner() const {
    IpAddress owner = *this;
    if (!is_v4()) {
        std::fill(owner.raw_.begin() + 8, owner.raw_.end(), std::uint8_t{0});
    }
    return owner;
}

std::string IpAddress::to_text() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_v4()) {
        inet_ntop(AF_INET, raw_.data() + kMapped.size(), text, sizeof text);
    } else {
        inet_ntop(AF_INET6, raw_.data(), text, sizeof text);
    }
    return text;
}

std::optional<Network> Network::parse(const std::string& text) {
    const auto slash = text.find('/');
    const auto base = IpAddress::parse(text.substr(0, slash));
    if (!base) {
        return std::nullopt;
    }
    const unsigned before = base->is_v4() ? kMappedBits : 0;
    unsigned bits = 128 - before;
    if (slash != std::string::npos) {
        const char* const end = text.data() + text.size();
        const auto [stopped, error] = std::from_chars(text.data() + slash + 1, end, bits);
        if (error != std::errc() || stopped != end || bits > 128 - before) {
            return std::nullopt;
        }
    }
    Network network;
    network.base_ = *base;
    network.bits_ = before + bits;
    // An address with bits beyond the prefix is more likely a slip than a wish.
    IpAddress::Raw outside = base->raw();
    for (unsigned bit = 0; bit < network.bits_; ++bit) {
        outside[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
    if (outside != IpAddress::Raw{}) {
        return std::nullopt;
    }
    return network;
}

bool Network::contains(const IpAddress& address) const {
    for (unsigned bit = 0; bit < bits_; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
        if (((base_.raw()[bit / 8] ^ address.raw()[bit / 8]) & mask) != 0) {
            return false;
        }
    }
    return true;
}

}  // namespace parley::asio
