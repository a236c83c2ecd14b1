#include "process_numbers.h"

#include "files.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>

namespace parley::parleyd {
namespace {

constexpr Duration kEvery = std::chrono::seconds(5);

// Field `number` of /proc/self/stat as proc(5) counts them, from the third on; the second, the
// name, may hold anything. 0 where it cannot be read.
std::int64_t stat_field(int number) {
    const auto text = read_file("/proc/self/stat", 4096);
    const auto name_end = text ? text->rfind(") ") : std::string::npos;
    if (name_end == std::string::npos) {
        return 0;
    }
    std::istringstream fields(text->substr(name_end + 2));
    std::string skipped;
    for (int i = 3; i < number; ++i) {
        fields >> skipped;
    }
    std::int64_t value = 0;
    fields >> value;
    return value;
}

double seconds_of(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double start_time() {
    constexpr int kStarted = 22;  // ticks since the machine started
    const double uptime =
        static_cast<double>(stat_field(kStarted)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + uptime;
}

std::int64_t open_descriptors() {
    constexpr const char* kFolder = "/proc/self/fd";
    // Newer kernels tell the number as the folder's size.
    struct stat status{};
    if (::stat(kFolder, &status) == 0 && status.st_size > 0) {
        return status.st_size;
    }
    std::int64_t count = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator at(kFolder, error), end; !error && at != end;
         at.increment(error)) {
        ++count;
    }
    return count;
}

std::int64_t microseconds(const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
}

}  // namespace

ProcessNumbers::ProcessNumbers(io::Loop& loop) : loop_(loop), started_(start_time()) {
    look();
}

void ProcessNumbers::look() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    cpu_us_.set(microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
    constexpr int kThreads = 20;
    constexpr int kResidentPages = 24;
    threads_.set(stat_field(kThreads));
    resident_bytes_.set(stat_field(kResidentPages) * ::sysconf(_SC_PAGESIZE));
    open_descriptors_.set(open_descriptors());
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    most_descriptors_.set(static_cast<std::int64_t>(limit.rlim_cur));
    timer_ = loop_.call_at(loop_.now() + kEvery, [this] { look(); });
}

void ProcessNumbers::write(MetricsText& text) const {
    text.gauge("process_start_time_seconds", "When the process began, seconds since 1970.",
               started_);
    text.family(MetricsText::Type::counter, "process_cpu_seconds_total",
                "CPU time of the process, user and system.");
    text.value("", static_cast<double>(cpu_us_.value()) / kMicroseconds);
    text.gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes_.value());
    text.gauge("process_open_fds", "Open file descriptors.", open_descriptors_.value());
    text.gauge("process_max_fds", "The most that it may have open.", most_descriptors_.value());
    text.gauge("process_threads", "Threads.", threads_.value());
}

}  // namespace parley::parleyd
