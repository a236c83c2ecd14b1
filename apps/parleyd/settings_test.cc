#include "settings.h"

#include "files.h"
#include "settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::parleyd {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Loaded load(const std::string& file, const std::map<std::string, std::string>& environment = {},
            const std::vector<Given>& flags = {}) {
    return load_settings(parse_settings_file(file, "p.toml"), environment, flags);
}

TEST(Settings, WithoutAnySourceTheDefaultsHold) {
    const Loaded loaded = load("");
    EXPECT_THAT(loaded.problems, IsEmpty());
    EXPECT_EQ(loaded.settings.data, "./parley-data");
    EXPECT_EQ(to_string(loaded.settings.listen), "127.0.0.1:7700");
    EXPECT_FALSE(loaded.settings.admin_listen);
    EXPECT_EQ(loaded.settings.node.limits, Limits{});
    EXPECT_EQ(loaded.settings.unknown_recipients, UnknownRecipients::reject);
}

TEST(Settings, AFlagWinsOverTheEnvironmentAndThatOverTheFile) {
    const std::string file = "retention = \"3d\"\nthreads = 3\ndata = \"file\"";
    const Loaded loaded = load(file, {{"PARLEY_RETENTION", "2d"}, {"PARLEY_THREADS", "2"}},
                               {{"retention", "1d", "--retention"}});
    EXPECT_THAT(loaded.problems, IsEmpty());
    EXPECT_EQ(loaded.settings.node.limits.retention, 24h);
    EXPECT_EQ(loaded.settings.threads, 2u);
    EXPECT_EQ(loaded.settings.data, "file");
}

TEST(Settings, EveryKeyHasItsVariableAndItsFlag) {
    EXPECT_EQ(variable_of("tls.cert"), "PARLEY_TLS_CERT");
    EXPECT_EQ(variable_of("limits.text_bytes"), "PARLEY_LIMITS_TEXT_BYTES");
    EXPECT_EQ(flag_of("tls.cert"), "--tls-cert");
    EXPECT_EQ(flag_of("unknown_recipients"), "--unknown-recipients");
    std::map<std::string, std::string> variables;
    for (const Key& key : setting_keys()) {
        EXPECT_TRUE(variables.emplace(variable_of(key.name), key.name).second) << key.name;
    }
}

TEST(Settings, EveryKindOfValueIsTaken) {
    const Loaded loaded = load(R"(
        listen = "[::1]:0"
        unknown_recipients = "hold"
        [admin]
        listen = "localhost:1"
        [log]
        level = "debug"
        format = "json"
        [limits]
        rate_per_second = 0
        quota_pending_bytes = "1GiB"
        submit_timeout = "5s"
        address_rate = 7
        [proxy]
        trusted = ["10.0.0.0/8", "::1"]
        [tokens]
        issuer_prefix = "//parley.example/"
        [drain]
        timeout = "500ms"
    )");
    EXPECT_THAT(loaded.problems, IsEmpty());
    const Settings& settings = loaded.settings;
    EXPECT_EQ(settings.listen, (Address{"::1", 0}));
    EXPECT_EQ(settings.unknown_recipients, UnknownRecipients::hold);
    EXPECT_EQ(settings.admin_listen, (Address{"localhost", 1}));
    EXPECT_EQ(settings.log_level, LogLevel::debug);
    EXPECT_EQ(settings.log_format, LogFormat::json);
    EXPECT_EQ(settings.node.server.rate_per_second, 0u);
    EXPECT_EQ(settings.node.server.quota_pending_bytes, 1ull << 30);
    EXPECT_EQ(settings.node.server.submit_timeout, 5s);
    EXPECT_EQ(settings.node.issuer_prefix, "//parley.example/");
    EXPECT_EQ(settings.node.drain_timeout, 500ms);
    EXPECT_EQ(settings.admission.address_rate, 7u);
    EXPECT_THAT(settings.trusted_proxies, ElementsAre(asio::Network::parse("10.0.0.0/8").value(),
                                                      asio::Network::parse("::1").value()));
}

struct Mistake {
    const char* file;
    std::vector<const char*> said;
};

TEST(Settings, AMistakeIsOneLineThatNamesPlaceKeyAndWhatWasFound) {
    const Mistake mistakes[] = {
        {"\nretenton = \"1d\"", {"p.toml:2", "retenton", "no such key", "is retention meant?"}},
        {"retention = \"30 days\"", {"p.toml:1", "retention", "\"30 days\"", "30d"}},
        {"retention = \"500ms\"", {"p.toml:1: retention", "from 1s"}},
        {"[limits]\nretry_window = \"1500ms\"", {"limits.retry_window", "whole number of seconds"}},
        {"listen = 7700", {"p.toml:1: listen", "\"7700\"", "HOST:PORT"}},
        {"listen = \"127.0.0.1:70000\"", {"listen", "70000"}},
        {"engine = \"mysql\"", {"engine", "mysql", "rocksdb"}},
        {"[proxy]\ntrusted = [\"10.0.0.1/8\"]",
         {"p.toml:2: proxy.trusted", "10.0.0.1/8", "10.0.0.0/8"}},
        {"[proxy]\ntrusted = [1]", {"p.toml:2: proxy.trusted", "an array"}},
        {"[limits]\naddress_burst = 0", {"limits.address_burst", "from 1"}},
        {"threads = -1", {"threads", "\"-1\"", "from 0 to 256"}},
        {"threads = 1.5", {"p.toml:1: threads", "a fraction"}},
        {"threads = [1, 2]", {"p.toml:1: threads", "an array"}},
        {"data = \"\"", {"data", "not empty"}},
        {"insecure_bind = \"yes\"", {"insecure_bind", "yes", "true or false"}},
        {"unknown_recipients = \"drop\"", {"unknown_recipients", "reject, hold"}},
        {"[log]\nlevel = \"loud\"", {"p.toml:2: log.level", "loud", "debug"}},
        {"[limits]\ntext_bytes = \"64 KB\"", {"limits.text_bytes", "64 KB", "64KiB"}},
        {"[limits]\nrecipients = 0", {"limits.recipients", "from 1"}},
        {"[limits]\nlimits.recipients = 1", {"limits.limits.recipients", "no such key"}},
        {"listen = ", {"p.toml:1", "not TOML"}},
        {"[tls]\ncert = \"a\\nb\"", {"tls.cert", "without tls.key"}},
        {"threads = 1\nthreads = 2", {"p.toml:2", "not TOML"}},
    };
    for (const Mistake& mistake : mistakes) {
        const auto problems = load(mistake.file).problems;
        ASSERT_EQ(problems.size(), 1u) << mistake.file;
        EXPECT_EQ(problems[0].find('\n'), std::string::npos) << problems[0];
        for (const char* said : mistake.said) {
            EXPECT_THAT(problems[0], HasSubstr(said)) << mistake.file;
        }
    }
}

TEST(Settings, AMistakeInAVariableOrAFlagNamesIt) {
    const auto problems =
        load("", {{"PARLEY_RETENTION", "never"}}, {{"threads", "many", "--threads"}}).problems;
    EXPECT_THAT(problems, ElementsAre(AllOf(HasSubstr("PARLEY_RETENTION: found \"never\""),
                                            HasSubstr("wanted a duration")),
                                      HasSubstr("--threads: found \"many\"")));
}

TEST(Settings, EveryMistakeIsReportedInTheOrderOfTheSources) {
    const auto problems = load("zebra = 1\nengine = \"x\"\nanother = 2", {{"PARLEY_THREADS", "x"}},
                               {{"listen", "x", "--listen"}})
                              .problems;
    EXPECT_THAT(problems,
                ElementsAre(HasSubstr("p.toml:1"), HasSubstr("p.toml:2"), HasSubstr("p.toml:3"),
                            HasSubstr("PARLEY_THREADS"), HasSubstr("--listen")));
}

TEST(Settings, WhatWasFoundIsShortenedAndKeptOnOneLine) {
    const auto problems = load("engine = \"a\\nb" + std::string(5000, 'x') + "\"").problems;
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_LT(problems[0].size(), 200u);
    EXPECT_EQ(problems[0].find('\n'), std::string::npos);
}

TEST(Settings, VariablesThatMeanNothingAreNamedButNoMistake) {
    const Loaded loaded = load(
        "",
        {{"PARLEY_RETENTON", "1d"}, {"PARLEY_CONFIG", "x"}, {"PARLEY_TOKEN", "x"}, {"HOME", "/"}});
    EXPECT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(loaded.unknown_variables, ElementsAre("PARLEY_RETENTON"));
}

TEST(Settings, LimitsMustFitEachOther) {
    EXPECT_THAT(load("[limits]\nframe_bytes = 650000").problems,
                ElementsAre(AllOf(HasSubstr("limits.frame_bytes (p.toml:2) is 650000"),
                                  HasSubstr(std::to_string(smallest_frame_for(Limits{}))))));
    EXPECT_THAT(load("[limits]\ntext_bytes = \"1MiB\"").problems,
                ElementsAre(HasSubstr("limits.frame_bytes (default)")));
    EXPECT_THAT(load("[limits]\ninflight_bytes = \"512KiB\"").problems,
                ElementsAre(HasSubstr("limits.inflight_bytes (p.toml:2)")));
    EXPECT_THAT(load("[limits]\nrate_burst = 999").problems,
                ElementsAre(HasSubstr("limits.rate_burst (p.toml:2)")));
    EXPECT_THAT(load("[limits]\nrate_burst = 999\nrate_per_second = 0").problems, IsEmpty());
    EXPECT_THAT(load("[limits]\nrate_burst = 10\nframe_bytes = 10").problems.size(), 2u);
}

TEST(Settings, BeyondLoopbackThereMustBeTlsOrConsent) {
    EXPECT_THAT(load("listen = \"0.0.0.0:7700\"").problems,
                ElementsAre(AllOf(HasSubstr("listen (p.toml:1) is 0.0.0.0:7700"),
                                  HasSubstr("--insecure-bind"))));
    EXPECT_THAT(load("listen = \"[::]:7700\"").problems.size(), 1u);
    EXPECT_THAT(load("listen = \"0.0.0.0:7700\"\ninsecure_bind = true").problems, IsEmpty());
    EXPECT_THAT(load("listen = \"0.0.0.0:1\"\n[tls]\ncert = \"c\"\nkey = \"k\"").problems,
                IsEmpty());
    EXPECT_THAT(load("[tls]\nkey = \"k\"").problems, ElementsAre(HasSubstr("without tls.cert")));
    // Administration has no TLS.
    EXPECT_THAT(load("[tls]\ncert = \"c\"\nkey = \"k\"\n[admin]\nlisten = \"10.0.0.1:1\"").problems,
                ElementsAre(HasSubstr("admin.listen")));
}

TEST(Settings, AdministrationHasAnAddressOfItsOwn) {
    EXPECT_THAT(load("[admin]\nlisten = \"127.0.0.1:7700\"").problems,
                ElementsAre(AllOf(HasSubstr("admin.listen (p.toml:2) is 127.0.0.1:7700"),
                                  HasSubstr("listen (default)"))));
    EXPECT_THAT(load("listen = \"[::1]:0\"\n[admin]\nlisten = \"[::1]:0\"").problems, IsEmpty());
    EXPECT_THAT(load("[admin]\nlisten = \"127.0.0.1:7701\"").problems, IsEmpty());
}

TEST(Settings, TheDataFolderLeavesRoomForTheControlSocket) {
    EXPECT_THAT(load("data = \"" + std::string(94, 'd') + "\"").problems, IsEmpty());
    EXPECT_THAT(load("data = \"" + std::string(95, 'd') + "\"").problems,
                ElementsAre(AllOf(HasSubstr("data (p.toml:1)"), HasSubstr("control.sock"))));
}

TEST(Settings, TheExampleFileNamesEveryKeyWithItsDefault) {
    const std::string path = PARLEY_SOURCE_DIR "/deploy/parleyd.toml";
    const SettingsFile file = read_settings_file(path);
    const Loaded loaded = load_settings(file, {}, {});
    EXPECT_THAT(loaded.problems, IsEmpty());
    EXPECT_EQ(loaded.settings.node.limits, Limits{});
    const auto text = read_file(path, 1 << 20);
    ASSERT_TRUE(text);
    std::vector<std::string_view> commented{"admin.listen", "tls.cert", "tls.key"};
    for (const Key& key : setting_keys()) {
        const auto given = std::find_if(file.given.begin(), file.given.end(),
                                        [&](const Given& one) { return one.key == key.name; });
        const auto name = key.name.substr(key.name.rfind('.') + 1);
        if (given == file.given.end()) {
            EXPECT_THAT(commented, testing::Contains(key.name));
            EXPECT_THAT(*text, HasSubstr("\n#" + std::string(name) + " = "));
        }
    }
}

// "1s to 1h", as whoever misses it is told; empty: the key has no range.
std::string range_of(const Key& key) {
    Settings settings;
    const std::string wanted = key.set(settings, "\x01").value_or("");
    const auto from = wanted.find(" from ");
    return from == std::string::npos ? ""
                                     : wanted.substr(from + 6, wanted.find(',', from) - from - 6);
}

// What it may be must not have to be found out by mistakes.
TEST(Settings, TheRangeOfEveryKeyStandsInTheExampleAndInTheManual) {
    const auto example = read_file(PARLEY_SOURCE_DIR "/deploy/parleyd.toml", 1 << 20);
    const auto manual = read_file(PARLEY_SOURCE_DIR "/docs/operations/settings.md", 1 << 20);
    ASSERT_TRUE(example && manual);
    const auto line_with = [](const std::string& text, const std::string& begin) {
        const auto at = text.find("\n" + begin);
        return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    };
    std::size_t ranges = 0;
    for (const Key& key : setting_keys()) {
        const std::string row = line_with(*manual, "| `" + std::string(key.name) + "` | ");
        EXPECT_NE(row, "") << key.name;
        if (const std::string range = range_of(key); !range.empty()) {
            ++ranges;
            const auto name = std::string(key.name.substr(key.name.rfind('.') + 1));
            EXPECT_THAT(row, testing::EndsWith(" | " + range + " |")) << key.name;
            EXPECT_THAT(line_with(*example, name + " = "), testing::EndsWith("  # " + range))
                << key.name;
        }
    }
    EXPECT_GT(ranges, 30u);
}

TEST(Settings, AProblemIsOneShortLineWhateverTheFileHolds) {
    const std::string files[] = {"\"a\\nb\" = 1\n",
                                 std::string(3000, 'k') + " = 1\n",
                                 "a = \"\\u001b[31m\"\n",
                                 "a = '\x01'\n",
                                 "[$a]\n",
                                 "[ ;\n",
                                 "[[\xff]]\n"};
    for (const std::string& file : files) {
        const SettingsFile read = parse_settings_file(file, "p.toml");
        const Loaded loaded = load_settings(read, {}, {});
        ASSERT_EQ(loaded.problems.size(), 1u) << file;
        EXPECT_THAT(loaded.problems[0], testing::StartsWith("p.toml:1: "));
        EXPECT_LT(loaded.problems[0].size(), 500u);
        for (const char c : loaded.problems[0]) {
            EXPECT_GE(static_cast<unsigned char>(c), ' ') << file;
        }
    }
}

TEST(Settings, LettersBeyondAsciiStandInCommentsOrAreEscaped) {
    const SettingsFile good = parse_settings_file(
        "# \u00e9\ndata = \"/srv/\\\"#\\u00e9\" # \u00e9\ntls.cert = '#\\' # '\u00e9\n", "p.toml");
    EXPECT_THAT(good.problems, testing::IsEmpty());
    ASSERT_EQ(good.given.size(), 2u);
    EXPECT_EQ(good.given[0].value, "/srv/\"#\u00e9");
    EXPECT_EQ(good.given[1].value, "#\\");
    for (const char* wrong : {"PA\u00c5 = 1\n", "data = 'x' \u00e9\n", "\u00a0\n", "a = '\u00e9'\n",
                              "a = \"#\u00e9\"\n", "a = \"\\\"#\u00e9\"\n", "a = 1b\"\u00e9\"\n"}) {
        EXPECT_THAT(parse_settings_file(wrong, "p.toml").problems,
                    ElementsAre(HasSubstr("p.toml:1: this letter is not ASCII")));
    }
    for (const char* wrong : {"data = \"\"\"x\n\"\"\"\n", "data = '''x'''\n"}) {
        EXPECT_THAT(parse_settings_file(wrong, "p.toml").problems,
                    ElementsAre(HasSubstr("p.toml:1: a text must be on one line")));
    }
}

TEST(Settings, ThereAreAsManyThreadsForConnectionsAsCoresUnlessANumberIsGiven) {
    EXPECT_EQ(connection_threads(0, 1), 1u);
    EXPECT_EQ(connection_threads(0, 2), 2u);
    EXPECT_EQ(connection_threads(0, 64), 64u);
    EXPECT_EQ(connection_threads(0, 0), 1u);
    EXPECT_EQ(connection_threads(1, 8), 1u);
    EXPECT_EQ(connection_threads(8, 2), 8u);
}

TEST(Settings, ALoopTakesItsShareOfSessionsHoweverFewThereMayBe) {
    EXPECT_EQ(sessions_per_loop(1, 1), 1u);
    EXPECT_EQ(sessions_per_loop(10, 1), 9u);
    EXPECT_EQ(sessions_per_loop(10, 4), 3u);
    EXPECT_EQ(sessions_per_loop(17, 32), 1u);
    EXPECT_EQ(sessions_per_loop(16'000, 3), 5'000u);
    EXPECT_EQ(sessions_per_loop(UINT32_MAX, 1), 4'026'531'839u);
}

// A library that frees what it read one inside the other would need a stack as deep.
TEST(Settings, KeysDoNotNestDeeperThanALineIsLong) {
    std::string deep = "\nthreads = 1\na";
    for (int i = 0; i < 500'000; ++i) {
        deep += ".a";
    }
    EXPECT_THAT(parse_settings_file(deep + " = 1\n", "p.toml").problems,
                ElementsAre("p.toml:3: this line is longer than 4096 bytes"));
}

TEST(Settings, AFileThatCannotBeReadIsOneLine) {
    const std::string missing = testing::TempDir() + "/no-such-file.toml";
    EXPECT_THAT(read_settings_file(missing).problems,
                ElementsAre(AllOf(HasSubstr(missing), HasSubstr("No such file"))));
    EXPECT_THAT(read_settings_file(testing::TempDir()).problems,
                ElementsAre(HasSubstr("Is a directory")));
}

}  // namespace
}  // namespace parley::parleyd
