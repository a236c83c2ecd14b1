#include "adapters/asio/ip_address.h"

#include <gtest/gtest.h>

namespace parley::asio {
namespace {

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

TEST(IpAddress, IsTheSameOverIPv4AndIPv6Sockets) {
    EXPECT_EQ(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
    EXPECT_EQ(ip("::ffff:192.0.2.1").to_text(), "192.0.2.1");
    EXPECT_EQ(ip("2001:DB8::1").to_text(), "2001:db8::1");
    EXPECT_FALSE(IpAddress::parse("192.0.2"));
    EXPECT_FALSE(IpAddress::parse(""));
}

TEST(IpAddress, BelongsToItselfOrToItsNetworkOf64Bits) {
    EXPECT_EQ(ip("192.0.2.1").owner(), ip("192.0.2.1"));
    EXPECT_EQ(ip("2001:db8:1:2:3:4:5:6").owner(), ip("2001:db8:1:2::"));
    EXPECT_NE(ip("2001:db8:1:2::1").owner(), ip("2001:db8:1:3::1").owner());
}

TEST(IpAddress, KnowsLoopback) {
    EXPECT_TRUE(ip("127.0.0.1").is_loopback());
    EXPECT_TRUE(ip("127.9.8.7").is_loopback());
    EXPECT_TRUE(ip("::1").is_loopback());
    EXPECT_TRUE(ip("::ffff:127.0.0.1").is_loopback());
    EXPECT_FALSE(ip("128.0.0.1").is_loopback());
    EXPECT_FALSE(ip("::").is_loopback());
}

TEST(Network, HoldsItsAddressesAndNoOthers) {
    const auto holds = [](const std::string& network, const std::string& address) {
        return Network::parse(network).value().contains(ip(address));
    };
    EXPECT_TRUE(holds("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
    EXPECT_TRUE(holds("192.0.2.128/25", "192.0.2.200"));
    EXPECT_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(holds("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(holds("192.0.2.1", "192.0.2.2"));
    EXPECT_TRUE(holds("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(holds("::1", "::1"));
    EXPECT_TRUE(holds("0.0.0.0/0", "203.0.113.9"));
    EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1")) << "all of IPv4 is not all";
    EXPECT_TRUE(holds("::/0", "2001:db8::1"));
}

TEST(Network, IsNotReadFromWhatIsNone) {
    for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                             "10.0.0.1/8", "2001:db8::/129", "localhost", "10.0.0.0 /8"}) {
        EXPECT_FALSE(Network::parse(text)) << text;
    }
}

}  // namespace
}  // namespace parley::asio
