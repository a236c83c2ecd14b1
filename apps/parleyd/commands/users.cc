// parleyd user: whom the server knows, who may not come, and forgetting them.
#include "admin/router.h"
#include "commands/commands.h"
#include "process.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace parley::parleyd {
namespace {

using nlohmann::ordered_json;

void print_names(const ordered_json& answer) {
    for (const ordered_json& user : answer["users"]) {
        std::puts(word_of(user).c_str());
    }
}

// Page by page: there may be millions.
int list(const CommandInput& input) {
    const std::string path = application_path(input);
    if (path.empty()) {
        return exit_code::kUsage;
    }
    std::string after;
    for (;;) {
        ordered_json page;
        const int code = ask_and_print(
            input, {"GET", path + "/users?limit=10000&after=" + percent_encode(after), ""},
            print_names, page);
        if (code != exit_code::kOk || !page.value("more", false) || page["users"].empty()) {
            return code;
        }
        after = word_of(page["users"].back());
    }
}

void print_user(const ordered_json& answer) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : answer.items()) {
        rows.push_back({name, word_of(value)});
    }
    print_table(rows);
}

int ask(const CommandInput& input, const char* method, const char* what, PrintAnswer print) {
    const std::string path = user_path(input);
    return path.empty() ? exit_code::kUsage
                        : ask_and_print(input, {method, path + what, ""}, print);
}

int show(const CommandInput& input) {
    return ask(input, "GET", "", print_user);
}
int disable(const CommandInput& input) {
    return ask(input, "POST", "/disable", [](const ordered_json& answer) {
        std::printf(
            "%s is disabled: no session of theirs is open or begins, and messages to them are "
            "refused\n",
            word_of(answer["user"]).c_str());
    });
}
int enable(const CommandInput& input) {
    return ask(input, "POST", "/enable", [](const ordered_json& answer) {
        std::printf("%s is enabled: they may connect again\n", word_of(answer["user"]).c_str());
    });
}
int erase(const CommandInput& input) {
    return ask(input, "DELETE", "", [](const ordered_json& answer) {
        std::printf("%s is erased\n", word_of(answer["user"]).c_str());
        if (answer.contains("damage")) {
            complain(
                "note: the store is damaged, and bytes of theirs may stay in the damaged file "
                "until it is gone: " +
                word_of(answer["damage"]));
        }
    });
}

}  // namespace

std::vector<CommandSpec> user_commands() {
    const std::vector<CommandArgument> user{{"USER", "The id of the user"}};
    const std::vector<CommandOption> options{kApplicationOption};
    return {
        {"user list", "The users that have a mailbox or are disabled", {}, options, list},
        {"user show", "What the server knows of a user", user, options, show},
        {"user disable", "End a user's sessions and let none begin; messages to them are refused",
         user, options, disable},
        {"user enable", "Let a disabled user come again", user, options, enable},
        {"user erase",
         "Remove a user's mailbox, devices and registration, for good; what others hold stays",
         user, options, erase}};
}

}  // namespace parley::parleyd
