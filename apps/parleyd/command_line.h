#pragma once

#include "settings.h"

#include <optional>
#include <string>
#include <vector>

namespace parley::parleyd {

enum class Command {
    run,
    check,          // validate the settings, start nothing
    confirm_clock,  // tell the running server that the wall clock is right (R17)
    print,          // print `text` and end: --help, --version
};

// What stands on the command line.
struct CommandLine {
    Command command = Command::run;
    std::optional<std::string> config_file;
    std::vector<Given> given;            // in the order of the keys
    std::string text;                    // for Command::print
    std::optional<std::string> problem;  // it makes no sense; then nothing else counts
};

CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace parley::parleyd
