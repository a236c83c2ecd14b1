#pragma once

#include "settings.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parley::parleyd {

// What was given to a command, by the names of its specification. An option without a value is
// there or not.
struct CommandArguments {
    std::map<std::string, std::string, std::less<>> values;

    bool has(std::string_view name) const { return values.find(name) != values.end(); }
    // Empty if it was not given.
    std::string_view operator[](std::string_view name) const {
        const auto found = values.find(name);
        return found == values.end() ? std::string_view() : std::string_view(found->second);
    }
};

struct CommandInput {
    const Settings& settings;  // valid
    const CommandArguments& arguments;
};

struct CommandArgument {
    std::string_view name;  // "USER"
    std::string_view help;
    bool is_required = true;
};

struct CommandOption {
    std::string_view name;         // "--app"
    std::string_view placeholder;  // "KEY"; empty: it takes no value
    std::string_view help;
};

// One command of parleyd. README.md says how to add one.
struct CommandSpec {
    std::string_view words;  // "clock confirm"
    std::string_view help;   // one line, for the list of commands and the command's own help
    std::vector<CommandArgument> arguments;
    std::vector<CommandOption> options;
    // Does it, and says on standard output what came of it, or on standard error, in one line, why
    // not. Returns what the process ends with.
    int (*run)(const CommandInput& input);
    // Whether --json is one more option: the answer is then for a machine.
    bool has_json = true;
};

}  // namespace parley::parleyd
