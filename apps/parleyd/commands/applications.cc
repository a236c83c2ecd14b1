// parleyd app: applications, their keys and secrets.
#include "admin/router.h"
#include "commands/commands.h"
#include "process.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace parley::parleyd {
namespace {

using nlohmann::ordered_json;

// What signs tokens needs the file.
void print_one(const ordered_json& answer) {
    std::printf("%s\nkey and secret are in %s\n", word_of(answer["application"]).c_str(),
                word_of(answer["file"]).c_str());
}

int create(const CommandInput& input) {
    const std::string_view key = input.arguments["--key"];
    const std::string query =
        input.arguments.has("--key") ? "?key=" + percent_encode(key) : std::string();
    return ask_and_print(input, {"POST", "/v1/applications" + query, ""}, print_one);
}

int list(const CommandInput& input) {
    return ask_and_print(input, {"GET", "/v1/applications", ""}, [](const ordered_json& answer) {
        std::vector<std::vector<std::string>> rows{{"APPLICATION", "PREVIOUS SECRET", "FILE"}};
        for (const ordered_json& one : answer["applications"]) {
            rows.push_back({word_of(one["application"]),
                            one["previous_secret"].get<bool>() ? "valid" : "none",
                            word_of(one["file"])});
        }
        print_table(rows);
    });
}

std::string path_of_key(const CommandInput& input) {
    return "/v1/applications/" + percent_encode(input.arguments["KEY"]);
}

int rotate(const CommandInput& input) {
    if (input.arguments.has("--drop-previous")) {
        return ask_and_print(input, {"POST", path_of_key(input) + "/drop-previous", ""},
                             [](const ordered_json& answer) {
                                 std::printf("%s: only the newest secret is valid now\n",
                                             word_of(answer["application"]).c_str());
                             });
    }
    return ask_and_print(
        input, {"POST", path_of_key(input) + "/rotate", ""}, [](const ordered_json& answer) {
            std::printf(
                "%s: the new secret is in %s; the one before stays valid until the next "
                "rotation or --drop-previous\n",
                word_of(answer["application"]).c_str(), word_of(answer["file"]).c_str());
        });
}

// In steps, so that an application of any size takes little memory. Can be begun again: an
// application that was removed is erased all the same. `is_known`: it was served until now.
int erase_users(const CommandInput& input, bool is_known) {
    std::string after;
    std::size_t erased = 0;
    for (bool more = true; more;) {
        const auto answer = administer(
            input.settings,
            {"POST", path_of_key(input) + "/erase-users?after=" + percent_encode(after), ""});
        const auto json = answer ? ordered_json::parse(answer->body, nullptr, false)
                                 : ordered_json(ordered_json::value_t::discarded);
        if (!answer || answer->status != 200 || !json.is_object()) {
            if (!answer) {
                complain(answer.error().description);
            }
            const int code = answer ? complain_of(*answer) : exit_code_of(answer.error());
            complain("not all users are erased, only " + std::to_string(erased) +
                     "; the same command goes on");
            return code;
        }
        erased += json.value("erased", std::size_t{0});
        after = json.value("after", std::string());
        more = json.value("more", false);
    }
    if (erased == 0 && !is_known) {
        complain("there is no application " + shown(input.arguments["KEY"]) +
                 ", and no user of it is left; parleyd app list shows all");
        return exit_code::kRefused;
    }
    if (input.arguments.has("--json")) {
        std::printf("{\"erased_users\":%zu}\n", erased);
    } else {
        std::printf("%s erased\n", counted(erased, "user").c_str());
    }
    return exit_code::kOk;
}

int remove(const CommandInput& input) {
    if (!input.arguments.has("--erase")) {
        return ask_and_print(input, {"DELETE", path_of_key(input), ""},
                             [](const ordered_json& answer) {
                                 std::printf(
                                     "%s is removed; its mailboxes stay in the store until "
                                     "retention ends, or app remove --erase\n",
                                     word_of(answer["application"]).c_str());
                             });
    }
    const auto removed = administer(input.settings, {"DELETE", path_of_key(input), ""});
    if (!removed) {
        complain(removed.error().description);
        return exit_code_of(removed.error());
    }
    // 404: an earlier run removed it and did not come to the end.
    if (removed->status != 200 && removed->status != 404) {
        return complain_of(*removed);
    }
    return erase_users(input, removed->status == 200);
}

}  // namespace

std::vector<CommandSpec> application_commands() {
    const std::vector<CommandArgument> key{{"KEY", "The whole key of the application"}};
    return {
        {"app create",
         "Make another application with users, mailboxes and a secret of its own",
         {},
         {{"--key", "KEY", "Its key: 1 to 64 letters, digits, - and _ [a random UUID]"}},
         create},
        {"app list", "The applications, and which of them have a previous secret", {}, {}, list},
        {"app rotate",
         "Make a new secret; the one before stays valid until the next rotation",
         key,
         {{"--drop-previous", "", "End the previous secret now, and make no new one"}},
         rotate},
        {"app remove",
         "Serve an application no more: its sessions end, its file with the secret goes",
         key,
         {{"--erase", "", "Erase all its users and their mailboxes as well"}},
         remove}};
}

}  // namespace parley::parleyd
