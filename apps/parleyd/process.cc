#include "process.h"

#include "base/assert.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace parley::parleyd {
namespace {

sigset_t awaited_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

// All that was said to be durable is; nothing else is owed.
void end_now(int) {
    ::_exit(exit_code::kOk);
}

}  // namespace

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

Events::Events() {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    const sigset_t set = awaited_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    notified_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PARLEY_ASSERT(signals_ >= 0 && notified_ >= 0);
}

Events::~Events() {
    ::close(signals_);
    ::close(notified_);
}

Events::Event Events::wait() {
    return wait_for(-1);
}

Events::Event Events::wait_until(std::chrono::steady_clock::time_point when) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(when - std::chrono::steady_clock::now());
    return wait_for(static_cast<int>(
        std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max())));
}

Events::Event Events::wait_for(int timeout_ms) {
    for (;;) {
        pollfd files[] = {{signals_, POLLIN, 0}, {notified_, POLLIN, 0}};
        if (::poll(files, std::size(files), timeout_ms) == 0) {
            return Event::timed_out;
        }
        signalfd_siginfo signal{};
        if (::read(signals_, &signal, sizeof signal) == sizeof signal) {
            return signal.ssi_signo == SIGHUP ? Event::reload : Event::terminate;
        }
        std::uint64_t count = 0;
        if (::read(notified_, &count, sizeof count) == sizeof count) {
            return Event::notified;
        }
    }
}

void Events::notify() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(notified_, &one, sizeof one);
}

void Events::end_process_on_signal_or_after(std::chrono::seconds time) {
    struct sigaction action{};
    action.sa_handler = end_now;
    for (const int signal : {SIGTERM, SIGINT, SIGALRM}) {
        ::sigaction(signal, &action, nullptr);
    }
    ::alarm(static_cast<unsigned>(time.count()));
    sigset_t set = awaited_signals();
    sigdelset(&set, SIGHUP);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace parley::parleyd
