#include "commands/commands.h"

#include "admin/router.h"
#include "application_file.h"
#include "base/try.h"
#include "control.h"
#include "data_folder.h"
#include "ownership.h"
#include "process.h"
#include "server.h"
#include "stderr_log.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace parley::parleyd {
namespace {

bool is_success(int status) {
    return status >= 200 && status < 300;
}

bool has_data(const std::string& data) {
    std::error_code ignored;
    return std::filesystem::exists(DataFolder::application_file_in(data), ignored) ||
           std::filesystem::exists(data + "/store", ignored);
}

}  // namespace

std::vector<CommandSpec> all_commands() {
    std::vector<CommandSpec> all;
    for (const auto& group :
         {application_commands(), user_commands(), session_commands(), device_commands(),
          health_commands(), trace_commands(), backup_commands(), clock_commands()}) {
        all.insert(all.end(), group.begin(), group.end());
    }
    return all;
}

void complain(const std::string& problem) {
    std::fprintf(stderr, "parleyd: %s\n", problem.c_str());
}

int exit_code_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::store_in_use:
            return exit_code::kInUse;
        case ErrorCode::store_failed:
            return exit_code::kStore;
        default:
            return exit_code::kUsage;
    }
}

int complain_of(const io::HttpResponse& answer) {
    const auto json = nlohmann::ordered_json::parse(answer.body, nullptr, false);
    const bool is_told =
        json.is_object() && json.contains("message") && json.at("message").is_string();
    complain(is_told ? json.at("message").get<std::string>()
                     : "the server answered with status " + std::to_string(answer.status));
    return answer.status == 400 ? exit_code::kUsage : exit_code::kRefused;
}

Result<io::HttpResponse> administer(const Settings& settings, const io::HttpRequest& request) {
    auto answer = ask_control(DataFolder::control_socket_in(settings.data), request);
    if (answer || answer.error().code != ErrorCode::connection_refused) {
        return answer;
    }
    PARLEY_CHECK(check_usable(settings.data));
    // A folder is not made by asking for what is in it.
    if (!has_data(settings.data)) {
        return unexpected(
            make_error(ErrorCode::connection_refused,
                       answer.error().description + ", and " + settings.data +
                           " holds no data of a server; --data or --config says where they are"));
    }
    StderrLog sink(LogLevel::warn, settings.log_format);
    return Server(settings, raise_descriptor_limit(), sink).administer(request);
}

int ask_and_print(const CommandInput& input, const io::HttpRequest& request, PrintAnswer print) {
    nlohmann::ordered_json json;
    return ask_and_print(input, request, print, json);
}

int ask_and_print(const CommandInput& input, const io::HttpRequest& request, PrintAnswer print,
                  nlohmann::ordered_json& json) {
    const auto answer = administer(input.settings, request);
    if (!answer) {
        complain(answer.error().description);
        return exit_code_of(answer.error());
    }
    json = nlohmann::ordered_json::parse(answer->body, nullptr, false);
    if (!is_success(answer->status) || !json.is_object()) {
        return complain_of(*answer);
    }
    if (input.arguments.has("--json")) {
        std::fputs(answer->body.c_str(), stdout);
    } else {
        print(json);
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        complain("standard output cannot be written");
        return exit_code::kRefused;
    }
    return exit_code::kOk;
}

const CommandOption kApplicationOption{"--app", "KEY",
                                       "The application [that of application.json]"};

std::string application_path(const CommandInput& input) {
    std::string key(input.arguments["--app"]);
    if (key.empty()) {
        const Settings& settings = input.settings;
        const auto first = read_application(DataFolder::application_file_in(settings.data),
                                            settings.node.issuer_prefix);
        if (!first) {
            // Whoever may not look knows nothing of what is there.
            if (const auto access = check_access(settings.data); !access) {
                complain(access.error().description);
                return "";
            }
            complain(first.error().description + "; or say which application with --app KEY");
            return "";
        }
        key = first->key.value();
    }
    return "/v1/applications/" + percent_encode(key);
}

std::string user_path(const CommandInput& input) {
    const std::string path = application_path(input);
    return path.empty() ? path : path + "/users/" + percent_encode(input.arguments["USER"]);
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) {
                line.append(widths[i] - row[i].size() + 2, ' ');
            }
        }
        std::puts(line.c_str());
    }
}

std::string word_of(const nlohmann::ordered_json& value) {
    if (value.is_boolean()) {
        return value.get<bool>() ? "yes" : "no";
    }
    return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace parley::parleyd
