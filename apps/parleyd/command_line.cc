#include "command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <deque>
#include <memory>
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
    {"threads", "N", "Threads for connections [0: one for each core]"},
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

// The options of the program itself: those that set a key.
class ProgramOptions {
  public:
    explicit ProgramOptions(CLI::App& app) : values_(std::size(kFlags)) {
        config_ = app.add_option("--config", config_file_, "Configuration file (TOML)");
        config_->type_name("FILE");
        for (std::size_t i = 0; i < std::size(kFlags); ++i) {
            auto* option =
                app.add_option(flag_of(kFlags[i].key), values_[i], std::string(kFlags[i].help));
            option->type_name(std::string(kFlags[i].placeholder));
            options_.push_back(option);
        }
        insecure_ = app.add_flag("--insecure-bind", is_insecure_,
                                 "Allow to listen beyond loopback without TLS");
    }

    void read_into(CommandLine& line) const {
        if (config_->count() > 0) {
            line.config_file = config_file_;
        }
        for (std::size_t i = 0; i < options_.size(); ++i) {
            if (options_[i]->count() > 0) {
                const std::string flag = flag_of(kFlags[i].key);
                line.given.push_back({std::string(kFlags[i].key), values_[i], flag});
            }
        }
        if (insecure_->count() > 0) {
            line.given.push_back(
                {"insecure_bind", is_insecure_ ? "true" : "false", "--insecure-bind"});
        }
    }

  private:
    std::string config_file_;
    CLI::Option* config_ = nullptr;
    std::vector<std::string> values_;
    std::vector<CLI::Option*> options_;
    bool is_insecure_ = false;
    CLI::Option* insecure_ = nullptr;
};

// One command with what it was given.
class ParsedCommand {
  public:
    ParsedCommand(CLI::App& app, const CommandSpec& spec) : spec_(spec), app_(app) {
        app.fallthrough();
        app.footer(
            "The options of parleyd itself (--config, --data and the others of parleyd "
            "--help) may stand\nhere too.");
        for (const CommandArgument& argument : spec.arguments) {
            auto* option = app.add_option(std::string(argument.name), values_.emplace_back(),
                                          std::string(argument.help));
            option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
            option->required(argument.is_required);
            option->type_name("");
            options_.emplace_back(argument.name, option);
        }
        for (const CommandOption& one : spec.options) {
            add(one);
        }
        if (spec.has_json) {
            add({"--json", "", "The answer as JSON"});
        }
    }

    bool is_given() const { return app_.parsed(); }
    const CommandSpec& spec() const { return spec_; }

    CommandArguments arguments() const {
        CommandArguments arguments;
        auto value = values_.begin();
        for (const auto& [name, option] : options_) {
            if (option->count() > 0) {
                arguments.values.emplace(name, *value);
            }
            ++value;
        }
        return arguments;
    }

    // The first of them that was given as "", which in a script is a variable that is not set: it
    // must not mean the default.
    std::optional<std::string> empty_one() const {
        auto value = values_.begin();
        for (const auto& [name, option] : options_) {
            const bool takes_value = option->get_items_expected_max() > 0;
            if (takes_value && option->count() > 0 && value->empty()) {
                return name;
            }
            ++value;
        }
        return std::nullopt;
    }

  private:
    void add(const CommandOption& one) {
        std::string& value = values_.emplace_back();
        CLI::Option* option = nullptr;
        if (one.placeholder.empty()) {
            option = app_.add_flag(std::string(one.name))->description(std::string(one.help));
        } else {
            option = app_.add_option(std::string(one.name), value, std::string(one.help));
            option->type_name(std::string(one.placeholder));
        }
        options_.emplace_back(one.name, option);
    }

    const CommandSpec& spec_;
    CLI::App& app_;
    std::deque<std::string> values_;  // in the order of options_; its strings stay where they are
    std::vector<std::pair<std::string, CLI::Option*>> options_;
};

// The commands as subcommands of subcommands: "app create" is `create` of `app`.
class Commands {
  public:
    Commands(CLI::App& root, std::span<const CommandSpec> specs) {
        for (const CommandSpec& spec : specs) {
            CLI::App* place = &root;
            const std::string_view words = spec.words;
            const auto space = words.find(' ');
            if (space != std::string_view::npos) {
                place = &group(root, std::string(words.substr(0, space)));
            }
            const std::string last(words.substr(space == std::string_view::npos ? 0 : space + 1));
            parsed_.emplace_back(*place->add_subcommand(last, std::string(spec.help)), spec);
        }
        for (const auto& [word, app] : groups_) {
            app->description(list_of(*app));
        }
    }

    void read_into(CommandLine& line) const {
        for (const ParsedCommand& one : parsed_) {
            if (one.is_given()) {
                line.action = Action::command;
                line.command = &one.spec();
                line.arguments = one.arguments();
                if (const auto empty = one.empty_one()) {
                    line.problem = *empty + ": is empty";
                }
                return;
            }
        }
        for (const auto& [word, app] : groups_) {
            if (app->parsed()) {
                line.problem = word + ": say what to do: " + list_of(*app) + " (parleyd " + word +
                               " --help says more)";
            }
        }
    }

  private:
    static std::string list_of(const CLI::App& group) {
        std::string list;
        for (const CLI::App* inner : group.get_subcommands(nullptr)) {
            list += (list.empty() ? "" : ", ") + inner->get_name();
        }
        return list;
    }

    CLI::App& group(CLI::App& root, const std::string& word) {
        for (const auto& [name, app] : groups_) {
            if (name == word) {
                return *app;
            }
        }
        CLI::App* app = root.add_subcommand(word, "");
        app->fallthrough();
        app->require_subcommand(0, 1);
        app->footer("parleyd " + word + " COMMAND --help says more.");
        groups_.emplace_back(word, app);
        return *app;
    }

    std::deque<ParsedCommand> parsed_;
    std::vector<std::pair<std::string, CLI::App*>> groups_;
};

// The innermost subcommand that stands on the line, and its name with all words.
std::pair<CLI::App*, std::string> innermost(CLI::App& root) {
    std::pair<CLI::App*, std::string> found{&root, "parleyd"};
    for (auto inner = root.get_subcommands(); !inner.empty();
         inner = found.first->get_subcommands()) {
        found = {inner.front(), found.second + " " + inner.front()->get_name()};
    }
    return found;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv,
                               std::span<const CommandSpec> commands) {
    CommandLine line;
    CLI::App app("parleyd, the server of Parley", "parleyd");
    const auto formatter = std::make_shared<CLI::Formatter>();
    formatter->column_width(34);
    app.formatter(formatter);
    app.footer(kFooter);
    app.set_version_flag("--version", "parleyd " PARLEY_VERSION);
    app.fallthrough();
    app.require_subcommand(0, 1);
    // The last one counts, so that scripts can put their options before those of their caller.
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    const ProgramOptions options(app);
    auto* check = app.add_subcommand(
        "check", "Read and validate the configuration, say what is wrong, start nothing");
    check->fallthrough();
    check->footer(
        "Ends with 0 if nothing is wrong (a note is nothing wrong), else with 2 and a line for "
        "each "
        "mistake.\nTakes the options of the server:");
    const Commands parsed(app, commands);

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        const auto [asked, name] = innermost(app);
        line.action = Action::print;
        line.text = formatter->make_help(asked, name, CLI::AppFormatMode::Normal);
        if (asked == check) {
            line.text += formatter->make_groups(&app, CLI::AppFormatMode::Normal);
        }
        return line;
    } catch (const CLI::CallForVersion&) {
        line.action = Action::print;
        line.text = "parleyd " PARLEY_VERSION "\n";
        return line;
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string what = error.what();
        line.problem = what.substr(0, what.find(':')) + ": wants a value";
        return line;
    } catch (const CLI::ParseError& error) {
        line.problem = one_line(error.what()) + " (" + innermost(app).second + " --help says how)";
        return line;
    }
    options.read_into(line);
    if (check->parsed()) {
        line.action = Action::check;
    } else {
        parsed.read_into(line);
    }
    return line;
}

}  // namespace parley::parleyd
