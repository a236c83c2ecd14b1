// parleyd session and parleyd device: what is connected, what was, and ending both.
#include "admin/names.h"
#include "admin/router.h"
#include "commands/commands.h"
#include "process.h"
#include "words.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>

namespace parley::parleyd {
namespace {

using nlohmann::ordered_json;

void print_sessions(const ordered_json& answer) {
    std::vector<std::vector<std::string>> rows{{"USER", "DEVICE", "SINCE", "ADDRESS", "SUBPROTOCOL",
                                                "MESSAGING", "UNACKNOWLEDGED", "HELD BY RATE"}};
    for (const ordered_json& one : answer["sessions"]) {
        rows.push_back({word_of(one["user"]), word_of(one["device"]), word_of(one["since"]),
                        word_of(one["address"]), word_of(one["subprotocol"]),
                        word_of(one["messaging"]),
                        counted(one["unacknowledged_events"], "event") + ", " +
                            counted(one["unacknowledged_bytes"], "byte"),
                        word_of(one["held_by_rate"])});
    }
    print_table(rows);
    if (const auto total = answer.value("total", std::size_t{0}); total + 1 > rows.size()) {
        std::printf("%s; --limit shows up to %zu\n",
                    counted(total + 1 - rows.size(), "more session").c_str(), kMostListed);
    }
}

int list_sessions(const CommandInput& input) {
    if (input.arguments.has("--limit")) {
        if (const auto wrong = wrong_limit("--limit", input.arguments["--limit"])) {
            complain(*wrong);
            return exit_code::kUsage;
        }
    }
    const std::string path = application_path(input);
    if (path.empty()) {
        return exit_code::kUsage;
    }
    std::string query;
    for (const auto& [option, name] : {std::pair{"--user", "user"}, {"--limit", "limit"}}) {
        if (input.arguments.has(option)) {
            query += (query.empty() ? "?" : "&") + std::string(name) + "=" +
                     percent_encode(input.arguments[option]);
        }
    }
    return ask_and_print(input, {"GET", path + "/sessions" + query, ""}, print_sessions);
}

// There may be no such user: a name or an application that is mistyped or forgotten.
int complain_of_no_session(const CommandInput& input) {
    const std::string path = user_path(input);
    const auto user = administer(input.settings, {"GET", path, ""});
    if (user && user->status == 404) {
        return complain_of(*user);
    }
    const std::string_view prefix = "/v1/applications/";
    const std::string application =
        path.substr(prefix.size(), path.find("/users/") - prefix.size());
    complain("no session of " + std::string(input.arguments["USER"]) + " is open in application " +
             application);
    return exit_code::kRefused;
}

int end_sessions(const CommandInput& input) {
    const CommandArguments& given = input.arguments;
    if (given.has("USER") == given.has("--all")) {
        complain("session end: say whose: USER, USER DEVICE or --all");
        return exit_code::kUsage;
    }
    std::string path = application_path(input);
    if (path.empty()) {
        return exit_code::kUsage;
    }
    path += "/sessions";
    if (given.has("USER")) {
        path += "?user=" + percent_encode(given["USER"]);
    } else {
        path += "?all";
    }
    if (given.has("DEVICE")) {
        path += "&device=" + percent_encode(given["DEVICE"]);
    }
    ordered_json answer;
    const int code = ask_and_print(
        input, {"DELETE", path, ""},
        [](const ordered_json& json) {
            std::printf("%s ended; devices may connect again\n",
                        counted(json["ended_sessions"], "session").c_str());
        },
        answer);
    // Who named a session that is not there should hear of it.
    const bool is_missing = given.has("USER") && code == exit_code::kOk &&
                            answer.value("ended_sessions", std::size_t{0}) == 0;
    return is_missing ? complain_of_no_session(input) : code;
}

int list_devices(const CommandInput& input) {
    const std::string path = user_path(input);
    return path.empty()
               ? exit_code::kUsage
               : ask_and_print(
                     input, {"GET", path + "/devices", ""}, [](const ordered_json& answer) {
                         std::vector<std::vector<std::string>> rows{{"DEVICE", "LAST SEEN"}};
                         for (const ordered_json& one : answer["devices"]) {
                             rows.push_back({word_of(one["device"]), word_of(one["last_seen"])});
                         }
                         print_table(rows);
                     });
}

int forget_device(const CommandInput& input) {
    const std::string path = user_path(input);
    return path.empty()
               ? exit_code::kUsage
               : ask_and_print(
                     input,
                     {"DELETE", path + "/devices/" + percent_encode(input.arguments["DEVICE"]), ""},
                     [](const ordered_json& answer) {
                         std::printf("%s is forgotten\n", word_of(answer["device"]).c_str());
                     });
}

}  // namespace

std::vector<CommandSpec> session_commands() {
    return {{"session list",
             "The sessions that are open now",
             {},
             {kApplicationOption,
              {"--user", "USER", "Only those of this user"},
              {"--limit", "N", "At most so many, 1 to 10000 [1000]"}},
             list_sessions},
            {"session end",
             "End sessions; their devices are told to connect again",
             {{"USER", "Whose", false}, {"DEVICE", "Of this device alone", false}},
             {kApplicationOption, {"--all", "", "All sessions of the application"}},
             end_sessions}};
}

std::vector<CommandSpec> device_commands() {
    const CommandArgument user{"USER", "Whose"};
    return {{"device list",
             "The devices that a user has connected with",
             {user},
             {kApplicationOption},
             list_devices},
            {"device forget",
             "Forget a device and end its session; if it connects again it is known again",
             {user, {"DEVICE", "Which"}},
             {kApplicationOption},
             forget_device}};
}

}  // namespace parley::parleyd
