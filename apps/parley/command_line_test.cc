#include "command_line.h"

#include "exit_codes.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

using namespace std::chrono_literals;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

std::variant<Arguments, int> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "parley");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

Arguments good(std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    EXPECT_TRUE(std::holds_alternative<Arguments>(parsed));
    return std::holds_alternative<Arguments>(parsed) ? std::get<Arguments>(parsed) : Arguments{};
}

// The one line that a wrong command line is answered with.
std::string refusal(std::vector<const char*> words) {
    CaptureStderr();
    const auto parsed = parse(std::move(words));
    const std::string said = GetCapturedStderr();
    EXPECT_TRUE(std::holds_alternative<int>(parsed) && std::get<int>(parsed) == kUsage) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    return said;
}

class CommandLine : public testing::Test {
  protected:
    void SetUp() override { ::unsetenv("PARLEY_TOKEN"); }
    void TearDown() override { ::unsetenv("PARLEY_TOKEN"); }
};

TEST_F(CommandLine, SendTakesRecipientsHeadersAndText) {
    const Arguments sent =
        good({"send", "--user", "alice", "--to", "bob", "--to", "carol", "--header", "a=1",
              "--header", "b=x=y", "--until", "sent", "--timeout", "10s", "hi there"});
    EXPECT_EQ(sent.verb, Verb::send);
    EXPECT_EQ(sent.user, "alice");
    EXPECT_EQ(sent.to, (std::vector<std::string>{"bob", "carol"}));
    ASSERT_EQ(sent.headers.size(), 2u);
    EXPECT_EQ(sent.headers[1].first, "b");
    EXPECT_EQ(sent.headers[1].second, "x=y");
    EXPECT_EQ(sent.until, Until::sent);
    EXPECT_EQ(sent.timeout, 10s);
    EXPECT_EQ(sent.text, "hi there");
}

TEST_F(CommandLine, HelpShowsWhatMeansSomethingToTheCommand) {
    const auto help = [](const char* command) {
        testing::internal::CaptureStdout();
        EXPECT_EQ(std::get<int>(parse({command, "--help"})), 0);
        return testing::internal::GetCapturedStdout();
    };
    const std::string token = help("token");
    for (const char* shown : {"--user", "--app", "--device", "--ttl"}) {
        EXPECT_NE(token.find(shown), std::string::npos) << shown;
    }
    for (const char* hidden : {"--server", "--ca", "--store", "--retry-window", "--json"}) {
        EXPECT_EQ(token.find(hidden), std::string::npos) << hidden;
    }
    const std::string outbox = help("outbox");
    EXPECT_NE(outbox.find("--store"), std::string::npos);
    EXPECT_EQ(outbox.find("--server"), std::string::npos);
    // Scripts give them to every command.
    EXPECT_EQ(good({"token", "--user", "a", "--server", "ws://h", "--json"}).verb, Verb::token);
}

TEST_F(CommandLine, AMessageIdThatCannotBeAnyIsAUsageError) {
    const std::string said = refusal({"outbox", "--user", "a", "--cancel", "no id"});
    EXPECT_NE(said.find("a message id has 1 to 64 characters"), std::string::npos) << said;
}

TEST_F(CommandLine, TheTextMayStandAnywhereAndMayBeADash) {
    EXPECT_EQ(good({"send", "hi", "--user", "alice", "--to", "bob"}).text, "hi");
    EXPECT_EQ(good({"send", "--user", "a", "--to", "bob", "hi", "--json"}).text, "hi");
    EXPECT_EQ(good({"send", "--user", "a", "--to", "bob", "hi", "--to", "carol"}).to.size(), 2u);
    EXPECT_EQ(good({"send", "--user", "a", "--to", "b", "--header", "k=v", "hi", "--json"}).text,
              "hi");
    EXPECT_TRUE(good({"send", "--user", "alice", "--to", "bob", "-"}).lines);
    EXPECT_TRUE(good({"send", "--user", "alice", "--to", "bob", "-", "--json"}).lines);
    EXPECT_EQ(good({"send", "--user", "alice", "--to", "bob", "--", "--x"}).text, "--x");
    EXPECT_FALSE(good({"send", "--user", "alice", "--to", "bob", "--", "-"}).lines);
    EXPECT_EQ(good({"send", "--user", "alice", "--to", "bob", ""}).text, "");
}

TEST_F(CommandLine, CommonOptionsHaveTheirDefaults) {
    const Arguments listen = good({"listen", "--user", "bob"});
    EXPECT_EQ(listen.server, "ws://127.0.0.1:7700");
    EXPECT_EQ(listen.app, "parley-data/application.json");
    EXPECT_EQ(listen.retry_window, 12h);
    EXPECT_FALSE(listen.json);
    EXPECT_FALSE(listen.count);
    EXPECT_FALSE(listen.timeout);
    EXPECT_EQ(good({"token", "--user", "bob", "--ttl", "30d"}).ttl, 720h);
    EXPECT_EQ(good({"outbox", "--user", "bob", "--cancel", "x"}).cancel, "x");
    EXPECT_EQ(good({"chat", "--user", "bob"}).to, std::vector<std::string>{});
}

TEST_F(CommandLine, WhatWasTypedCountsMoreThanTheEnvironment) {
    ::setenv("PARLEY_TOKEN", "from-environment", 1);
    EXPECT_EQ(good({"listen", "--user", "b"}).token, "from-environment");
    EXPECT_EQ(good({"listen", "--user", "b", "--token", "typed"}).token, "typed");
    EXPECT_EQ(good({"listen", "--user", "b", "--app", "file"}).token, "");
}

TEST_F(CommandLine, EveryWrongOptionIsOneLineThatNamesIt) {
    EXPECT_NE(refusal({"send", "--to", "bob", "hi"}).find("--user"), std::string::npos);
    EXPECT_NE(refusal({"send", "--user", "alice", "hi"}).find("--to"), std::string::npos);
    EXPECT_NE(refusal({"send", "--user", "alice", "--to", "bob"}).find("TEXT"), std::string::npos);
    EXPECT_NE(refusal({"send", "--user", "al ice", "--to", "bob", "hi"}).find("--user"),
              std::string::npos);
    EXPECT_NE(refusal({"listen", "--user", "b", "--timeout", "5"}).find("--timeout"),
              std::string::npos);
    EXPECT_NE(refusal({"listen", "--user", "b", "--count", "0"}).find("--count"),
              std::string::npos);
    EXPECT_NE(refusal({"send", "--user", "a", "--to", "b", "--header", "x", "t"}).find("--header"),
              std::string::npos);
    EXPECT_NE(refusal({"send", "--user", "a", "--to", "b", "--until", "read", "t"}).find("--until"),
              std::string::npos);
    EXPECT_NE(refusal({"listen", "--user", "b", "--nonsense"}).find("--nonsense"),
              std::string::npos);
    EXPECT_NE(refusal({"listen", "--user", "b", "--device", "a b"}).find("--device"),
              std::string::npos);
    EXPECT_NE(refusal({"frobnicate"}).find("frobnicate"), std::string::npos);
    refusal({});
}

TEST_F(CommandLine, RefusesEmptyValuesInBothSpellings) {
    for (const std::string option : {"--token", "--store", "--ca", "--cancel"}) {
        const std::string joined = option + "=";
        EXPECT_NE(refusal({"outbox", "--user", "u", option.c_str(), ""}).find(option),
                  std::string::npos);
        EXPECT_NE(refusal({"outbox", "--user", "u", joined.c_str(), "--json"}).find(option),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace parley::cli
