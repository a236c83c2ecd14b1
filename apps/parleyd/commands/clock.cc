#include "commands/commands.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace parley::parleyd {
namespace {

int confirm(const CommandInput& input) {
    return ask_and_print(input, {"POST", "/v1/clock/confirm", ""},
                         [](const auto&) { std::puts("parleyd: the clock is confirmed"); });
}

}  // namespace

std::vector<CommandSpec> clock_commands() {
    return {{"clock confirm",
             "Say that the wall clock is right after it leapt, so that retention follows it again",
             {},
             {},
             confirm}};
}

}  // namespace parley::parleyd
