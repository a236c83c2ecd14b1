#include "command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

using testing::HasSubstr;

int run_nothing(const CommandInput&) {
    return 0;
}

const CommandSpec kCommands[] = {
    {"clock confirm", "Confirm", {}, {}, run_nothing},
    {"user show", "Show", {{"USER", "Who"}}, {{"--app", "KEY", "Which"}}, run_nothing},
    {"session end",
     "End",
     {{"USER", "Who"}, {"DEVICE", "Where", false}},
     {{"--all", "", "All"}},
     run_nothing},
    {"restore", "Restore", {{"DIR", "From where"}}, {}, run_nothing, false},
};

CommandLine parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "parleyd");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), kCommands);
}

TEST(CommandLine, WithoutArgumentsTheServerRuns) {
    const CommandLine line = parse({});
    EXPECT_EQ(line.action, Action::run);
    EXPECT_FALSE(line.problem);
    EXPECT_FALSE(line.config_file);
    EXPECT_TRUE(line.given.empty());
}

TEST(CommandLine, EveryFlagOfTheInterfaceIsKnown) {
    const CommandLine line = parse({"--config",
                                    "c",
                                    "--data",
                                    "d",
                                    "--listen",
                                    "l",
                                    "--admin-listen",
                                    "a",
                                    "--tls-cert",
                                    "x",
                                    "--tls-key",
                                    "y",
                                    "--engine",
                                    "e",
                                    "--retention",
                                    "r",
                                    "--unknown-recipients",
                                    "u",
                                    "--threads",
                                    "t",
                                    "--log-level",
                                    "v",
                                    "--log-format",
                                    "f",
                                    "--insecure-bind"});
    ASSERT_FALSE(line.problem) << *line.problem;
    EXPECT_EQ(line.config_file, "c");
    EXPECT_EQ(line.given.size(), 12u);
    std::size_t with_flag = 0;
    for (const Key& key : setting_keys()) {
        with_flag += key.has_flag ? 1 : 0;
    }
    EXPECT_EQ(line.given.size(), with_flag);
    for (const Given& given : line.given) {
        EXPECT_EQ(given.where, flag_of(given.key));
    }
}

TEST(CommandLine, CheckTakesOptionsBeforeAndAfterIt) {
    for (const auto& arguments : {std::vector<const char*>{"check", "--data", "d"},
                                  std::vector<const char*>{"--data", "d", "check"}}) {
        const CommandLine line = parse(arguments);
        ASSERT_FALSE(line.problem) << *line.problem;
        EXPECT_EQ(line.action, Action::check);
        ASSERT_EQ(line.given.size(), 1u);
        EXPECT_EQ(line.given[0].value, "d");
    }
}

TEST(CommandLine, OfAnOptionGivenTwiceTheLastCounts) {
    const CommandLine line = parse({"--data", "first", "--data=second"});
    ASSERT_FALSE(line.problem) << *line.problem;
    ASSERT_EQ(line.given.size(), 1u);
    EXPECT_EQ(line.given[0].value, "second");
}

TEST(CommandLine, ASwitchCanBeSaidToBeOff) {
    for (const auto& [argument, value] : {std::pair{"--insecure-bind", "true"},
                                          {"--insecure-bind=true", "true"},
                                          {"--insecure-bind=false", "false"}}) {
        const CommandLine line = parse({argument});
        ASSERT_EQ(line.given.size(), 1u) << argument;
        EXPECT_EQ(line.given[0].value, value) << argument;
    }
}

TEST(CommandLine, TheHelpOfCheckIsItsOwn) {
    const std::string help = parse({"check", "--help"}).text;
    EXPECT_TRUE(help.starts_with("Read and validate the configuration")) << help;
    EXPECT_THAT(help, HasSubstr("parleyd check"));
    EXPECT_THAT(help, HasSubstr("Ends with 0"));
    EXPECT_EQ(help.find("Subcommands"), std::string::npos) << help;
}

TEST(CommandLine, HelpAndVersionArePrinted) {
    EXPECT_EQ(parse({"--version"}).text, "parleyd " PARLEY_VERSION "\n");
    for (const auto& arguments :
         {std::vector<const char*>{"--help"}, std::vector<const char*>{"check", "--help"}}) {
        const CommandLine line = parse(arguments);
        EXPECT_EQ(line.action, Action::print);
        for (const Key& key : setting_keys()) {
            if (key.has_flag) {
                EXPECT_THAT(line.text, HasSubstr(flag_of(key.name)));
            }
        }
    }
}

TEST(CommandLine, ACommandGetsItsArgumentsAndOptions) {
    const CommandLine line =
        parse({"--data", "d", "user", "show", "-", "--app", "k1", "--app=k2", "--listen", "l"});
    ASSERT_FALSE(line.problem) << *line.problem;
    EXPECT_EQ(line.action, Action::command);
    EXPECT_EQ(line.command, &kCommands[1]);
    EXPECT_EQ(line.arguments["USER"], "-");
    EXPECT_EQ(line.arguments["--app"], "k2");
    EXPECT_FALSE(line.arguments.has("--json"));
    EXPECT_EQ(line.given.size(), 2u);
}

TEST(CommandLine, WhatACommandIsNotGivenIsNotThere) {
    const CommandLine line = parse({"session", "end", "--json", "--", "--all"});
    ASSERT_FALSE(line.problem) << *line.problem;
    EXPECT_EQ(line.command, &kCommands[2]);
    EXPECT_EQ(line.arguments["USER"], "--all");
    EXPECT_FALSE(line.arguments.has("DEVICE"));
    EXPECT_FALSE(line.arguments.has("--all"));
    EXPECT_TRUE(line.arguments.has("--json"));
    EXPECT_TRUE(parse({"session", "end", "u", "d", "--all"}).arguments.has("--all"));
    EXPECT_EQ(parse({"restore", "folder"}).arguments["DIR"], "folder");
}

TEST(CommandLine, EachCommandHasAHelpOfItsOwn) {
    EXPECT_THAT(parse({"--help"}).text, HasSubstr("user"));
    const CommandLine line = parse({"session", "end", "--help"});
    EXPECT_EQ(line.action, Action::print);
    for (const char* said : {"parleyd session end", "USER", "DEVICE", "--all", "--json"}) {
        EXPECT_THAT(line.text, HasSubstr(said));
    }
    EXPECT_THAT(parse({"clock", "--help"}).text, HasSubstr("confirm"));
}

TEST(CommandLine, WhatMakesNoSenseIsOneLineThatNamesIt) {
    const std::pair<std::vector<const char*>, const char*> cases[] = {
        {{"--lisen", "x"}, "--lisen"},
        {{"--data"}, "--data"},
        {{"chek"}, "chek"},
        {{"check", "extra"}, "extra"},
        {{"--threads=2", "-x"}, "-x"},
        {{"clock"}, "clock: say what to do: confirm"},
        {{"clock", "--data", "d"}, "clock"},
        {{"clock", "conform"}, "conform"},
        {{"user", "show"}, "USER is required (parleyd user show --help"},
        {{"user", "show", "a", "b"}, "b"},
        {{"user", "show", "a", "--app"}, "--app"},
        {{"restore", "d", "--json"}, "--json"},
        {{"show", "a"}, "show"},
        {{"user", "show", ""}, "USER: is empty"},
        {{"user", "show", "a", "--app", ""}, "--app: is empty"},
        {{"user", "show", "a", "--app="}, "--app"},
        {{"--insecure-bind=maybe"}, "insecure-bind"},
    };
    for (const auto& [arguments, named] : cases) {
        const CommandLine line = parse(arguments);
        ASSERT_TRUE(line.problem) << arguments.front();
        EXPECT_THAT(*line.problem, HasSubstr(named));
        EXPECT_EQ(line.problem->find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace parley::parleyd
