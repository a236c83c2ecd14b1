#include "command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <utility>

namespace parley::parleyd {
namespace {

struct Flag {
    std::string_view key;
    std::string_view placeholder;
    std::string_view help;
};

// In the order of docs/cli.md.
constexpr Flag kFlags[] = {
    {"data", "DIR", "Folder of everything that is kept [./parley-data]"},
    {"listen", "HOST:PORT", "Where clients connect [127.0.0.1:7700]"},
    {"admin.listen", "HOST:PORT", "Where administration is reachable over TCP [nowhere]"},
    {"tls.cert", "FILE", "Certificate chain (PEM); with --tls-key"},
    {"tls.key", "FILE", "Private key of the certificate (PEM)"},
    {"engine", "rocksdb", "What stores the messages [rocksdb]"},
    {"retention", "DURATION", "How long messages are kept: 500ms, 30s, 10m, 12h, 30d [30d]"},
    {"unknown_recipients", "reject|hold", "Messages for users never seen [reject]"},
    {"threads", "N", "Threads for connections [0: one less than there are cores]"},
    {"log.level", "LEVEL", "trace, debug, info, warn or error [info]"},
    {"log.format", "text|json", "Form of the log on standard error [text]"},
};

constexpr const char* kFooter =
    "Each option overrides its key in the file; PARLEY_ and the key in capitals, with _ for .,\n"
    "overrides the file as well (PARLEY_TLS_CERT). deploy/parleyd.toml shows every key.";

// CLI11's own words, on one line.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    while (!text.empty() && (text.back() == ' ' || text.back() == '.')) {
        text.pop_back();
    }
    return text;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    CLI::App app("parleyd, the server of Parley", "parleyd");
    app.get_formatter()->column_width(34);
    app.footer(kFooter);
    app.set_version_flag("--version", "parleyd " PARLEY_VERSION);
    app.fallthrough();
    app.require_subcommand(0, 1);
    // The last one counts, so that scripts can put their options before those of their caller.
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);

    std::string config_file;
    auto* config = app.add_option("--config", config_file, "Configuration file (TOML)");
    config->type_name("FILE");
    std::vector<std::pair<const Flag*, CLI::Option*>> options;
    std::vector<std::string> values(std::size(kFlags));
    for (std::size_t i = 0; i < std::size(kFlags); ++i) {
        auto* option =
            app.add_option(flag_of(kFlags[i].key), values[i], std::string(kFlags[i].help));
        option->type_name(std::string(kFlags[i].placeholder));
        options.emplace_back(&kFlags[i], option);
    }
    bool is_insecure = false;
    auto* insecure =
        app.add_flag("--insecure-bind", is_insecure, "Allow to listen beyond loopback without TLS");
    auto* check = app.add_subcommand(
        "check", "Read and validate the configuration, say what is wrong, start nothing");
    auto* clock = app.add_subcommand("clock", "The clock that retention goes by");
    auto* confirm = clock->add_subcommand(
        "confirm", "Tell the running server that the wall clock is right after it leapt");
    for (auto* command : {check, clock, confirm}) {
        command->fallthrough();
        command->set_help_flag();  // The options are those of the program.
    }

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        line.command = Command::print;
        // Also of a subcommand: the options are the same.
        line.text = app.get_formatter()->make_help(&app, "parleyd", CLI::AppFormatMode::Normal);
        return line;
    } catch (const CLI::CallForVersion&) {
        line.command = Command::print;
        line.text = "parleyd " PARLEY_VERSION "\n";
        return line;
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string what = error.what();
        line.problem = what.substr(0, what.find(':')) + ": wants a value";
        return line;
    } catch (const CLI::ParseError& error) {
        line.problem = one_line(error.what()) + " (parleyd --help lists the options)";
        return line;
    }

    if (config->count() > 0) {
        line.config_file = config_file;
    }
    for (std::size_t i = 0; i < options.size(); ++i) {
        const auto& [flag, option] = options[i];
        if (option->count() > 0) {
            line.given.push_back({std::string(flag->key), values[i], flag_of(flag->key)});
        }
    }
    if (insecure->count() > 0) {
        line.given.push_back({"insecure_bind", is_insecure ? "true" : "false", "--insecure-bind"});
    }
    if (check->parsed()) {
        line.command = Command::check;
    } else if (confirm->parsed()) {
        line.command = Command::confirm_clock;
    } else if (clock->parsed()) {
        line.problem = "clock: say what to do with it: parleyd clock confirm";
    }
    return line;
}

}  // namespace parley::parleyd
