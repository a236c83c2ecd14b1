#include "command_line.h"

#include "exit_codes.h"
#include "output.h"
#include "parley/client.h"
#include "text.h"

#include <cstdlib>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

namespace parley::cli {
namespace {

std::string check_user(const std::string& id) {
    const bool fits = !id.empty() && id.size() <= 255 &&
                      std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (fits) {
        return {};
    }
    return "a user id has 1 to 255 printable ASCII characters without space, found \"" +
           excerpt(id, 40) + "\"";
}

std::string check_identifier(const std::string& id, const char* what) {
    const bool fits =
        !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_';
        });
    if (fits) {
        return {};
    }
    return std::string(what) + " id has 1 to 64 characters of A-Z a-z 0-9 - _, found \"" +
           excerpt(id, 40) + "\"";
}

std::string check_device(const std::string& id) {
    return check_identifier(id, "a device");
}

std::string check_message(const std::string& id) {
    return check_identifier(id, "a message");
}

// An empty value is what an unset variable of a script leaves; it must not count as "not given".
CLI::Validator not_empty() {
    return {[](const std::string& value) -> std::string {
                return value.empty() ? "must not be empty" : "";
            },
            ""};
}

CLI::Validator user_check() {
    return {check_user, "USER"};
}

void add_duration(CLI::App& app, const std::string& name,
                  std::function<void(std::chrono::milliseconds)> set,
                  std::chrono::milliseconds least, const std::string& help) {
    const auto check = [least](const std::string& text) -> std::string {
        const auto duration = parse_duration(text);
        if (!duration) {
            return "a duration is a number and ms, s, m, h or d (30s, 12h), found \"" +
                   excerpt(text, 40) + "\"";
        }
        if (*duration < least) {
            return "must be at least " + std::to_string(least.count()) + "ms";
        }
        return {};
    };
    app.add_option_function<std::string>(
           name, [set](const std::string& text) { set(*parse_duration(text)); }, help)
        ->check(CLI::Validator(check, "DURATION"));
}

void add_common(CLI::App& app, Arguments& arguments) {
    app.add_option("--user", arguments.user, "who you are")->required()->check(user_check());
    app.add_option("--server", arguments.server, "ws://HOST[:PORT] or wss://HOST[:PORT]")
        ->capture_default_str();
    app.add_option_function<std::string>(
        "--app",
        [&arguments](const std::string& path) {
            arguments.app = path;
            arguments.app_given = true;
        },
        "the application's key and secret (default parley-data/application.json)");
    app.add_option("--token", arguments.token,
                   "a signed token instead of the application's secret; also from PARLEY_TOKEN")
        ->check(not_empty());
    app.add_option("--ca", arguments.ca, "PEM file of the authorities to trust, for wss")
        ->check(not_empty());
    app.add_option("--store", arguments.store,
                   "folder of the local store; another folder is another device")
        ->check(not_empty());
    app.add_option("--device", arguments.device, "this device's id (default: the store's own)")
        ->check(CLI::Validator(check_device, "ID"));
    add_duration(
        app, "--retry-window", [&arguments](auto value) { arguments.retry_window = value; },
        std::chrono::milliseconds(1), "how long a message is retried (default 12h)");
    app.add_flag("--json", arguments.json, "one JSON object a line on standard output");
}

void add_timeout(CLI::App& app, Arguments& arguments, const std::string& help) {
    add_duration(
        app, "--timeout", [&arguments](auto value) { arguments.timeout = value; },
        std::chrono::milliseconds(0), help);
}

void add_send(CLI::App& app, Arguments& arguments) {
    CLI::App& send = *app.add_subcommand("send", "send a message, and wait until it has arrived");
    add_common(send, arguments);
    send.add_option("--to", arguments.to, "to whom; may be repeated")
        ->required()
        ->check(user_check())
        ->allow_extra_args(false);
    const auto add_header = [&arguments](const std::vector<std::string>& pairs) {
        for (const std::string& pair : pairs) {
            const std::size_t equals = pair.find('=');
            arguments.headers.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        }
    };
    const auto check_header = [](const std::string& pair) -> std::string {
        const std::size_t equals = pair.find('=');
        if (equals != std::string::npos && equals > 0) {
            return {};
        }
        return "a header is KEY=VALUE, found \"" + excerpt(pair, 40) + "\"";
    };
    send.add_option_function<std::vector<std::string>>("--header", add_header,
                                                       "KEY=VALUE; may be repeated")
        ->check(CLI::Validator(check_header, "K=V"))
        ->allow_extra_args(false);
    const auto check_until = [](const std::string& text) -> std::string {
        if (text == "sent" || text == "delivered") {
            return {};
        }
        return "is sent or delivered, found \"" + excerpt(text, 40) + "\"";
    };
    send.add_option_function<std::string>(
            "--until",
            [&arguments](const std::string& text) {
                arguments.until = text == "sent" ? Until::sent : Until::delivered;
            },
            "wait until the message is sent or delivered (default)")
        ->check(CLI::Validator(check_until, "STATE"));
    add_timeout(send, arguments, "give up waiting after this long (default: never)");
    send.add_option("TEXT", arguments.text,
                    "the text; - reads a message a line from standard input")
        ->required();
}

void add_others(CLI::App& app, Arguments& arguments) {
    CLI::App& listen = *app.add_subcommand("listen", "show what comes in");
    add_common(listen, arguments);
    listen.add_option("--count", arguments.count, "end after this many incoming messages")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 53));
    add_timeout(listen, arguments, "end after this long: with 0, or with 4 if --count was given");

    CLI::App& chat = *app.add_subcommand("chat", "write and read in a terminal");
    add_common(chat, arguments);
    chat.add_option("--to", arguments.to, "to whom; /to changes it")
        ->check(user_check())
        ->allow_extra_args(false);

    CLI::App& token = *app.add_subcommand("token", "print a signed token");
    add_common(token, arguments);
    add_duration(
        token, "--ttl", [&arguments](auto value) { arguments.ttl = value; },
        std::chrono::seconds(1), "how long it is good for (default 1h)");

    CLI::App& outbox = *app.add_subcommand("outbox", "list what waits to be sent");
    add_common(outbox, arguments);
    outbox.add_option("--cancel", arguments.cancel, "take the message with this id out of it")
        ->check(CLI::Validator(check_message, "ID"));
}

// Options that every command takes and that mean nothing to these: scripts may give them, the help
// is silent about them. When the help is shown, not before: a hidden option has no name in errors.
void hide_what_means_nothing(CLI::App& app) {
    for (const char* name :
         {"--server", "--token", "--ca", "--store", "--retry-window", "--json"}) {
        app.get_subcommand("token")->get_option(name)->group("");
    }
    for (const char* name : {"--server", "--ca"}) {
        app.get_subcommand("outbox")->get_option(name)->group("");
    }
}

Verb verb_of(const CLI::App& app) {
    const std::string& name = app.get_subcommands().front()->get_name();
    if (name == "send") {
        return Verb::send;
    }
    if (name == "chat") {
        return Verb::chat;
    }
    if (name == "token") {
        return Verb::token;
    }
    if (name == "outbox") {
        return Verb::outbox;
    }
    return Verb::listen;
}

std::string wrong_command(const std::vector<std::string>& words) {
    if (words.empty() || words[0].starts_with("-")) {
        return {};
    }
    for (const char* known : {"send", "listen", "chat", "token", "outbox"}) {
        if (words[0] == known) {
            return {};
        }
    }
    return words[0];
}

// "-- TEXT" at the end is the text, whatever it begins with; CLI11 ends a subcommand there. A dash
// takes its place.
std::optional<std::string> take_literal(std::vector<std::string>& words) {
    if (words.size() < 2 || words[words.size() - 2] != "--") {
        return std::nullopt;
    }
    std::string literal = std::move(words.back());
    words.pop_back();
    words.back() = "-";
    return literal;
}

// "--name=" becomes "--name" and an empty value; CLI11 would take the next word as its value.
std::vector<std::string> with_empty_values(const std::vector<std::string>& words) {
    std::vector<std::string> result;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (word.starts_with("--") && equals + 1 == word.size()) {
            result.push_back(word.substr(0, equals));
            result.emplace_back();
        } else {
            result.push_back(word);
        }
    }
    return result;
}

int say_error(const CLI::App& app, const CLI::ParseError& error) {
    std::string line = error.what();
    if (app.get_subcommands().empty() &&
        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
        line = "a command is missing: send, listen, chat, token or outbox";
    }
    // CLI11 has messages of several lines.
    for (char& c : line) {
        c = c == '\n' ? ' ' : c;
    }
    std::string help = "parley ";
    if (const auto chosen = app.get_subcommands(); !chosen.empty()) {
        help += chosen.front()->get_name() + " ";
    }
    std::cerr << "parley: " << line << "; see " << help << "--help\n";
    return kUsage;
}

}  // namespace

std::variant<Arguments, int> parse_command_line(int argc, const char* const* argv) {
    Arguments arguments;
    std::vector<std::string> words(argv + 1, argv + argc);
    if (const std::string wrong = wrong_command(words); !wrong.empty()) {
        std::cerr << "parley: there is no command " << excerpt(wrong, 40)
                  << ", only send, listen, chat, token and outbox; see parley --help\n";
        return kUsage;
    }
    const std::optional<std::string> literal = take_literal(words);
    words = with_empty_values(words);
    CLI::App app("Parley's command line client", "parley");
    app.set_version_flag("--version", "parley " + std::string(version()));
    app.require_subcommand(1, 1);
    app.failure_message([](const CLI::App*, const CLI::Error&) { return std::string(); });
    add_send(app, arguments);
    add_others(app, arguments);
    try {
        // It takes them from the back.
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::Success& success) {
        hide_what_means_nothing(app);
        std::ostringstream said;
        const int code = app.exit(success, said, said);
        write_output(said.str());
        return code;
    } catch (const CLI::ParseError& error) {
        return say_error(app, error);
    }
    arguments.verb = verb_of(app);
    arguments.lines = !literal && arguments.text == "-";
    if (literal) {
        arguments.text = *literal;
    }
    // What was typed counts more than what the environment holds.
    if (arguments.token.empty() && !arguments.app_given) {
        if (const char* token = std::getenv("PARLEY_TOKEN")) {
            arguments.token = token;
        }
    }
    return arguments;
}

}  // namespace parley::cli
