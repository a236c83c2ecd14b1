#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace parley::asio {

// An IPv4 or IPv6 address. IPv4 is kept as IPv6 writes it (::ffff:192.0.2.1), so that one that came
// over an IPv6 socket is the same.
class IpAddress {
  public:
    using Raw = std::array<std::uint8_t, 16>;

    // The unspecified address, "::".
    IpAddress() = default;
    static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
    static IpAddress v6(std::span<const std::uint8_t, 16> bytes);
    // "192.0.2.1", "2001:db8::1".
    static std::optional<IpAddress> parse(const std::string& text);

    bool is_v4() const;
    bool is_loopback() const;
    // Who is likely to stand behind it: an IPv4 address itself, of IPv6 the /64, which is the
    // least that one customer has to themselves.
    IpAddress owner() const;
    std::string to_text() const;
    const Raw& raw() const { return raw_; }

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    Raw raw_{};
};

// A block of addresses: "10.0.0.0/8", "2001:db8::/32", or one address.
class Network {
  public:
    static std::optional<Network> parse(const std::string& text);
    bool contains(const IpAddress& address) const;

    friend bool operator==(const Network&, const Network&) = default;

  private:
    IpAddress base_;
    unsigned bits_ = 0;  // of the 128
};

}  // namespace parley::asio
