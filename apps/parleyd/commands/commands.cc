#include "commands/commands.h"

#include "control.h"
#include "data_folder.h"
#include "process.h"
#include "server.h"
#include "stderr_log.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <iterator>

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
    for (auto group : {health_commands(), trace_commands(), clock_commands()}) {
        std::move(group.begin(), group.end(), std::back_inserter(all));
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

Result<io::HttpResponse> administer(const Settings& settings, const io::HttpRequest& request) {
    auto answer = ask_control(DataFolder::control_socket_in(settings.data), request);
    if (answer || answer.error().code != ErrorCode::connection_refused) {
        return answer;
    }
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
    const auto answer = administer(input.settings, request);
    if (!answer) {
        complain(answer.error().description);
        return exit_code_of(answer.error());
    }
    const auto json = nlohmann::ordered_json::parse(answer->body, nullptr, false);
    if (!is_success(answer->status) || !json.is_object()) {
        const bool is_told =
            json.is_object() && json.contains("message") && json.at("message").is_string();
        complain(is_told ? json.at("message").get<std::string>()
                         : "the server answered with status " + std::to_string(answer->status));
        return exit_code::kRefused;
    }
    if (input.arguments.has("--json")) {
        std::fputs(answer->body.c_str(), stdout);
    } else {
        print(json);
    }
    if (std::fflush(stdout) != 0) {
        complain("standard output cannot be written");
        return exit_code::kRefused;
    }
    return exit_code::kOk;
}

}  // namespace parley::parleyd
