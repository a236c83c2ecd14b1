#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace parley::cli {

enum class Verb { send, listen, chat, token, outbox };
enum class Until { sent, delivered };

// What the command line says, checked as far as it can be without files and network.
struct Arguments {
    Verb verb = Verb::listen;
    // common
    std::string user;
    std::string server = "ws://127.0.0.1:7700";
    std::string app = "parley-data/application.json";
    bool app_given = false;
    std::string token;  // --token or PARLEY_TOKEN; empty: sign one with the application's secret
    std::string ca;
    std::string store;
    std::string device;
    std::chrono::milliseconds retry_window = std::chrono::hours(12);
    bool json = false;
    // send, chat
    std::vector<std::string> to;
    // send
    std::vector<std::pair<std::string, std::string>> headers;
    Until until = Until::delivered;
    std::string text;
    bool lines = false;  // TEXT is "-": a message a line from standard input
    // send, listen
    std::optional<std::chrono::milliseconds> timeout;
    // listen
    std::optional<std::uint64_t> count;
    // token
    std::chrono::milliseconds ttl = std::chrono::hours(1);
    // outbox
    std::string cancel;
};

// The arguments, or with what code to exit; what was to be said (help, version, the error) is said.
std::variant<Arguments, int> parse_command_line(int argc, const char* const* argv);

}  // namespace parley::cli
