#pragma once

#include "command.h"
#include "io/acceptor.h"
#include "parley/result.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace parley::parleyd {

// ---- the commands, by topic
std::vector<CommandSpec> application_commands();
std::vector<CommandSpec> user_commands();
std::vector<CommandSpec> session_commands();
std::vector<CommandSpec> device_commands();
std::vector<CommandSpec> clock_commands();
std::vector<CommandSpec> backup_commands();
std::vector<CommandSpec> health_commands();
std::vector<CommandSpec> trace_commands();

// All of them, in the order of docs/cli.md.
std::vector<CommandSpec> all_commands();

// ---- what commands are made of
// One line on standard error.
void complain(const std::string& problem);
// The code that the process ends with after this error.
int exit_code_of(const Error& error);
// Complains of an answer that is not what was asked for. Returns what to end with: 2 if it made no
// sense (400), else 1.
int complain_of(const io::HttpResponse& answer);

// Asks the running server or, where there is none, opens the store in this process and asks the
// same routes (admin/routes.h). What came of it is in the answer; errors are those of not getting
// one.
Result<io::HttpResponse> administer(const Settings& settings, const io::HttpRequest& request);

// A whole command: asks, then prints the answer, as it came with --json, else by `print`. A refusal
// is complained of.
using PrintAnswer = void (*)(const nlohmann::ordered_json& answer);
int ask_and_print(const CommandInput& input, const io::HttpRequest& request, PrintAnswer print);
// The same for one of several requests: the answer goes to `json`.
int ask_and_print(const CommandInput& input, const io::HttpRequest& request, PrintAnswer print,
                  nlohmann::ordered_json& json);

// The option that says which application is meant, and "/v1/applications/KEY" as it says, or that
// of application.json. Without one it complains and gives nothing.
extern const CommandOption kApplicationOption;
std::string application_path(const CommandInput& input);
// The same with "/users/USER".
std::string user_path(const CommandInput& input);

// Columns of text, as wide as they need to be, each line without spaces at its end.
void print_table(const std::vector<std::vector<std::string>>& rows);
// Text as it stands, numbers in digits, booleans as yes and no.
std::string word_of(const nlohmann::ordered_json& value);

}  // namespace parley::parleyd
