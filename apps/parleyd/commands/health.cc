#include "commands/commands.h"
#include "control.h"
#include "data_folder.h"
#include "process.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace parley::parleyd {
namespace {

// A server that is well answers at once; one that does not is not well.
constexpr std::chrono::seconds kPatience{5};

// Only the running server knows: the store is never opened for this. What /readyz answers, for
// scripts and for a container's health check, which know 0 and 1 alone.
int ask(const CommandInput& input) {
    const auto answer = ask_control(DataFolder::control_socket_in(input.settings.data),
                                    {"GET", "/readyz", ""}, kPatience);
    if (!answer) {
        complain(answer.error().description);
        return exit_code::kRefused;
    }
    if (answer->status == 200) {
        std::puts("parleyd: ready");
        return exit_code::kOk;
    }
    const auto json = nlohmann::json::parse(answer->body, nullptr, false);
    const bool is_told = json.is_object() && json.contains("why") && json.at("why").is_string();
    complain("the server is not ready: " +
             (is_told ? json.at("why").get<std::string>()
                      : "it answered with status " + std::to_string(answer->status)));
    return exit_code::kRefused;
}

}  // namespace

std::vector<CommandSpec> health_commands() {
    return {{"health",
             "Say whether the running server is ready for clients, for scripts and health checks",
             {},
             {},
             ask,
             false}};
}

}  // namespace parley::parleyd
