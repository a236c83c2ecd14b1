#pragma once

#include "command.h"
#include "settings.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace parley::parleyd {

enum class Action {
    run,      // the server
    check,    // validate the settings, start nothing
    command,  // one of the commands
    print,    // print `text` and end: --help, --version
};

// What stands on the command line.
struct CommandLine {
    Action action = Action::run;
    const CommandSpec* command = nullptr;  // of Action::command
    CommandArguments arguments;            // its own; "--json" among them
    std::optional<std::string> config_file;
    std::vector<Given> given;            // in the order of the keys
    std::string text;                    // for Action::print
    std::optional<std::string> problem;  // it makes no sense; then nothing else counts
};

// `commands` outlives the result.
CommandLine parse_command_line(int argc, const char* const* argv,
                               std::span<const CommandSpec> commands);

}  // namespace parley::parleyd
