#include "words.h"

#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

TEST(Words, WhatWasTypedIsShownWithoutWhatSteersATerminalAndNotWhole) {
    EXPECT_EQ(shown("alice"), "alice");
    EXPECT_EQ(shown("a\x1b[2J\xff"), "a\\x1b[2J\\xff");
    EXPECT_EQ(shown(std::string(64, 'x')), std::string(64, 'x'));
    EXPECT_EQ(shown(std::string(65, 'x')), std::string(64, 'x') + "...");
}

TEST(Words, OneIsNotMany) {
    EXPECT_EQ(counted(0, "user"), "0 users");
    EXPECT_EQ(counted(1, "user"), "1 user");
    EXPECT_EQ(counted(2, "mailbox", "mailboxes"), "2 mailboxes");
    EXPECT_EQ(counted(1, "mailbox", "mailboxes"), "1 mailbox");
}

}  // namespace
}  // namespace parley::parleyd
