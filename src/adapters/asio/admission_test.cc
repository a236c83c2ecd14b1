#include "adapters/asio/admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace parley::asio {
namespace {

using namespace std::chrono_literals;

const Instant kStart{Duration(1h)};

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

class AdmissionTest : public testing::Test {
  protected:
    std::shared_ptr<Admission> admission;
    std::vector<ConnectionSlot> slots;

    void limit(AdmissionLimits limits) { admission = std::make_shared<Admission>(limits); }
    std::optional<Refusal> connect(const std::string& address, Instant now = kStart) {
        auto slot = admission->take();
        if (!slot) {
            return Refusal::connections;
        }
        const auto refusal = slot->come_from(ip(address), now);
        if (!refusal) {
            slots.push_back(std::move(*slot));
        }
        return refusal;
    }
};

TEST_F(AdmissionTest, TakesNoMoreThanTheListenerHolds) {
    limit({.connections = 2});
    EXPECT_FALSE(connect("192.0.2.1"));
    EXPECT_FALSE(connect("127.0.0.1"));
    EXPECT_EQ(connect("192.0.2.3"), Refusal::connections);
    slots.pop_back();
    EXPECT_FALSE(connect("192.0.2.3"));
    EXPECT_EQ(admission->connections(), 2u);
    slots.clear();
    EXPECT_EQ(admission->connections(), 0u);
}

TEST_F(AdmissionTest, CountsTheConnectionsOfAnAddress) {
    limit({.address_connections = 2});
    EXPECT_FALSE(connect("192.0.2.1"));
    EXPECT_FALSE(connect("::ffff:192.0.2.1"));
    EXPECT_EQ(connect("192.0.2.1"), Refusal::address_connections);
    EXPECT_FALSE(connect("192.0.2.2")) << "a neighbour is served";
    slots.erase(slots.begin());
    EXPECT_FALSE(connect("192.0.2.1"));
    EXPECT_EQ(admission->connections(), 3u) << "who was refused holds no place";
}

TEST_F(AdmissionTest, CountsIPv6ByItsNetwork) {
    limit({.address_connections = 1});
    EXPECT_FALSE(connect("2001:db8:0:1::1"));
    EXPECT_EQ(connect("2001:db8:0:1:ffff::2"), Refusal::address_connections);
    EXPECT_FALSE(connect("2001:db8:0:2::1"));
}

TEST_F(AdmissionTest, HoldsStrangersToLess) {
    limit({.address_connections = 3, .address_unauthenticated = 1});
    EXPECT_FALSE(connect("192.0.2.1"));
    EXPECT_EQ(connect("192.0.2.1"), Refusal::address_unauthenticated);
    slots[0].authenticated();
    slots[0].authenticated();
    EXPECT_FALSE(connect("192.0.2.1"));
    EXPECT_EQ(connect("192.0.2.1"), Refusal::address_unauthenticated);
    slots.pop_back();
    EXPECT_FALSE(connect("192.0.2.1")) << "the stranger has gone";
}

TEST_F(AdmissionTest, HoldsAnAddressToItsRate) {
    limit({.address_rate = 10, .address_burst = 3});
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(connect("192.0.2.1")) << i;
    }
    EXPECT_EQ(connect("192.0.2.1"), Refusal::address_rate);
    EXPECT_FALSE(connect("192.0.2.2"));
    slots.clear();
    EXPECT_EQ(connect("192.0.2.1"), Refusal::address_rate) << "leaving gives nothing back";
    EXPECT_FALSE(connect("192.0.2.1", kStart + 100ms));
    EXPECT_EQ(connect("192.0.2.1", kStart + 100ms), Refusal::address_rate);
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(connect("192.0.2.1", kStart + 10s)) << i;
    }
    EXPECT_EQ(connect("192.0.2.1", kStart + 10s), Refusal::address_rate);
}

TEST_F(AdmissionTest, LetsThisMachineConnectAsItLikes) {
    limit({.address_connections = 1, .address_unauthenticated = 1, .address_rate = 1});
    for (const char* address : {"127.0.0.1", "127.0.0.1", "::1", "::1", "127.8.9.10"}) {
        EXPECT_FALSE(connect(address)) << address;
    }
    EXPECT_EQ(admission->addresses(), 0u);
}

TEST_F(AdmissionTest, ForgetsAddressesThatOweNothing) {
    limit({.address_connections = 5});
    EXPECT_FALSE(connect("192.0.2.1"));
    slots.clear();
    EXPECT_EQ(admission->addresses(), 0u);

    limit({.address_rate = 1, .address_burst = 2});
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(connect("192.0.2." + std::to_string(i)));
    }
    slots.clear();
    EXPECT_EQ(admission->addresses(), 100u) << "they owe for a second";
    for (int i = 0; i < 40; ++i) {
        EXPECT_FALSE(connect("198.51.100.1", kStart + 2s * (i + 1)));
        slots.clear();
    }
    EXPECT_LE(admission->addresses(), 1u);
}

TEST_F(AdmissionTest, IsBoundedHoweverManyAddressesKnock) {
    limit({.address_rate = 1, .address_burst = 1});
    const auto most = Admission::kRestingAddresses;
    for (std::size_t i = 0; i < most + 5000; ++i) {
        const auto number = static_cast<std::uint32_t>(i);
        const std::array<std::uint8_t, 4> raw{100, static_cast<std::uint8_t>(number >> 16),
                                              static_cast<std::uint8_t>(number >> 8),
                                              static_cast<std::uint8_t>(number)};
        auto slot = admission->take();
        EXPECT_FALSE(slot->come_from(IpAddress::v4(raw), kStart));
        ASSERT_LE(admission->addresses(), most + 1);
    }
}

}  // namespace
}  // namespace parley::asio
