#include "supervisor.h"

#include "values.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace parley::parleyd {
namespace {

constexpr timeval kPatience{1, 0};

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
}

// The clock that systemd compares with: a reload is over when a READY=1 came after this time.
std::string monotonic_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
}

// One message is lines of KEY=VALUE: a status must stay one of them.
std::string status_line(std::string_view status) {
    std::string line = "\nSTATUS=" + std::string(status);
    std::replace(line.begin() + 1, line.end(), '\n', ' ');
    return line;
}

}  // namespace

Supervisor::Supervisor(const std::map<std::string, std::string>& environment, Logger log)
    : address_(value_of(environment, "NOTIFY_SOCKET")), log_(log) {
    if (address_.empty()) {
        return;
    }
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    // A variable that was inherited by somebody else's child is not meant for us.
    const std::string pid = value_of(environment, "WATCHDOG_PID");
    const auto period = parse_count(value_of(environment, "WATCHDOG_USEC"));
    if (period && *period > 0 && (pid.empty() || pid == std::to_string(::getpid()))) {
        constexpr std::uint64_t kDayUs = 86'400'000'000;
        period_ = std::chrono::microseconds(std::clamp<std::uint64_t>(*period / 4, 1000, kDayUs));
    }
}

Supervisor::~Supervisor() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

void Supervisor::ready(std::string_view status) {
    say("READY=1" + status_line(status));
}

void Supervisor::reloading() {
    say("RELOADING=1\nMONOTONIC_USEC=" + monotonic_us());
}

void Supervisor::stopping(std::string_view status) {
    say("STOPPING=1" + status_line(status));
}

void Supervisor::alive() {
    say("WATCHDOG=1");
}

void Supervisor::say(const std::string& message) {
    if (address_.empty()) {
        return;
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    int problem = ENAMETOOLONG;
    if (address_.size() < sizeof to.sun_path) {
        std::memcpy(to.sun_path, address_.data(), address_.size());
        if (address_.front() == '@') {
            to.sun_path[0] = '\0';
        }
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
        const ssize_t sent = ::sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL,
                                      reinterpret_cast<const sockaddr*>(&to), size);
        problem = sent < 0 ? errno : 0;
    }
    if (problem != 0) {
        log_.warn("supervisor.not_told", {{"message", message.substr(0, message.find('='))},
                                          {"problem", std::strerror(problem)}});
    }
}

}  // namespace parley::parleyd
