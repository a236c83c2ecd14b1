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
    EXPECT_EQ(hex(incoming_key(kAlice, kChain, kBob)), "0b351b3516312d3bd8ca7a1d574dafa2");
    EXPECT_EQ(hex(delivered_key(kAlice, kChain, kBob)), "cf9f3b0ab46cf1aab7b2e318196c01f4");
    const std::vector<UserId> both{kBob, kCarol};
    EXPECT_EQ(hex(sent_key(kAlice, kChain, both)), "c8bfc49e12204821ecb9ed74ca810549");
}

TEST(AppendKeys, DifferWhereKindSenderChainOrRecipientsDiffer) {
    const std::vector<UserId> bob{kBob};
    const std::vector<UserId> both{kBob, kCarol};
    const std::set<mailbox::AppendKey> keys{
        incoming_key(kAlice, kChain, kBob),
        incoming_key(kBob, kChain, kBob),
        incoming_key(kAlice, ChainKey("0190-2"), kBob),
        incoming_key(kAlice, kChain, kCarol),
        delivered_key(kAlice, kChain, kBob),
        sent_key(kAlice, kChain, bob),
        sent_key(kAlice, kChain, both),
        sent_key(kAlice, kChain, {}),
        // The same characters, cut elsewhere.
        incoming_key(UserId("alice0"), ChainKey("190-1"), kBob),
        incoming_key(kAlice, ChainKey("0190-1b"), UserId("ob")),
    };
    EXPECT_EQ(keys.size(), 10u);
}

TEST(AppendKeys, OfSentDoNotDependOnTheOrderOfRecipients) {
    const std::vector<UserId> one{kBob, kCarol};
    const std::vector<UserId> other{kCarol, kBob};
    EXPECT_EQ(sent_key(kAlice, kChain, one), sent_key(kAlice, kChain, other));
}

}  // namespace
}  // namespace parley::server
