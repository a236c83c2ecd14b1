#include "server/append_keys.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace parley::server {
namespace {

std::string hex(const mailbox::AppendKey& key) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : key) {
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 15]);
    }
    return text;
}

const UserId kAlice("alice");
const UserId kBob("bob");
const UserId kCarol("carol");
const ChainKey kChain("0190-1");

// The figures were made with another program (sha256sum over the bytes that the header describes).
TEST(AppendKeys, StayAsTheyAreForever) {
    EXPECT_EQ(hex(AppendKeys().incoming(kAlice, kChain, kBob)), "0b351b3516312d3bd8ca7a1d574dafa2");
    EXPECT_EQ(hex(AppendKeys().delivered(kAlice.value(), kChain.value(), kBob)),
              "cf9f3b0ab46cf1aab7b2e318196c01f4");
    const std::vector<UserId> both{kBob, kCarol};
    EXPECT_EQ(hex(AppendKeys().sent(kAlice, kChain, both)), "c8bfc49e12204821ecb9ed74ca810549");
}

TEST(AppendKeys, DifferWhereKindSenderChainOrRecipientsDiffer) {
    const std::vector<UserId> bob{kBob};
    const std::vector<UserId> both{kBob, kCarol};
    const std::set<mailbox::AppendKey> keys{
        AppendKeys().incoming(kAlice, kChain, kBob),
        AppendKeys().incoming(kBob, kChain, kBob),
        AppendKeys().incoming(kAlice, ChainKey("0190-2"), kBob),
        AppendKeys().incoming(kAlice, kChain, kCarol),
        AppendKeys().delivered(kAlice.value(), kChain.value(), kBob),
        AppendKeys().sent(kAlice, kChain, bob),
        AppendKeys().sent(kAlice, kChain, both),
        AppendKeys().sent(kAlice, kChain, {}),
        // The same characters, cut elsewhere.
        AppendKeys().incoming(UserId("alice0"), ChainKey("190-1"), kBob),
        AppendKeys().incoming(kAlice, ChainKey("0190-1b"), UserId("ob")),
    };
    EXPECT_EQ(keys.size(), 10u);
}

TEST(AppendKeys, DoNotDependOnTheKeysMadeBefore) {
    AppendKeys keys;
    keys.sent(kAlice, kChain, std::vector<UserId>{kBob, kCarol});
    EXPECT_EQ(keys.incoming(kAlice, kChain, kBob), AppendKeys().incoming(kAlice, kChain, kBob));
    EXPECT_EQ(keys.incoming(kAlice, kChain, kCarol), AppendKeys().incoming(kAlice, kChain, kCarol));
}

TEST(AppendKeys, OfSentDoNotDependOnTheOrderOfRecipients) {
    const std::vector<UserId> one{kBob, kCarol};
    const std::vector<UserId> other{kCarol, kBob};
    EXPECT_EQ(AppendKeys().sent(kAlice, kChain, one), AppendKeys().sent(kAlice, kChain, other));
}

}  // namespace
}  // namespace parley::server
