#include "tests/sdk/server_process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace parley::testing {
namespace {

// The value of a member of the one flat object in application.json.
std::string member(const std::string& json, const std::string& name) {
    const std::size_t key = json.find("\"" + name + "\"");
    if (key == std::string::npos) {
        return {};
    }
    const std::size_t begin = json.find('"', json.find(':', key)) + 1;
    return json.substr(begin, json.find('"', begin) - begin);
}

}  // namespace

ServerProcess::ServerProcess() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "parley-integration-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) {
        folder_ = pattern;
    }
}

ServerProcess::~ServerProcess() {
    kill();
    std::error_code ignored;
    if (!folder_.empty()) {
        std::filesystem::remove_all(folder_, ignored);
    }
}

bool ServerProcess::start() {
    int output[2];
    if (::pipe2(output, O_CLOEXEC) != 0) {
        return false;
    }
    const std::string program = std::string(PARLEY_BIN_DIR) + "/parleyd";
    const std::string data = folder_ + "/data";
    const std::string listen = "127.0.0.1:" + std::to_string(port_);
    const std::string log = folder_ + "/parleyd.log";
    process_ = ::fork();
    if (process_ == 0) {
        const int log_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(output[1], STDOUT_FILENO);
        ::dup2(log_file, STDERR_FILENO);
        ::execl(program.c_str(), "parleyd", "--data", data.c_str(), "--listen", listen.c_str(),
                nullptr);
        ::_exit(127);
    }
    ::close(output[1]);
    std::string said;
    char c = 0;
    const std::string ready = "parleyd ready on 127.0.0.1:";
    while (::read(output[0], &c, 1) == 1) {
        if (c != '\n') {
            said += c;
            continue;
        }
        if (said.starts_with(ready)) {
            break;
        }
        said.clear();
    }
    ::close(output[0]);
    if (!said.starts_with(ready)) {
        return false;
    }
    port_ = static_cast<std::uint16_t>(std::atoi(said.c_str() + ready.size()));
    read_application();
    return true;
}

void ServerProcess::read_application() {
    std::ifstream file(folder_ + "/data/application.json");
    std::stringstream content;
    content << file.rdbuf();
    key_ = member(content.str(), "applicationKey");
    secret_ = member(content.str(), "applicationSecret");
}

int ServerProcess::wait_for_end() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = 0;
    return status;
}

void ServerProcess::kill() {
    if (process_ == 0) {
        return;
    }
    ::kill(process_, SIGKILL);
    wait_for_end();
}

bool ServerProcess::stop() {
    if (process_ == 0) {
        return false;
    }
    ::kill(process_, SIGTERM);
    const int status = wait_for_end();
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace parley::testing
