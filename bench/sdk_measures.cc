#include "bench/sdk_measures.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

namespace {
std::atomic<std::uint64_t> counted_syncs = 0;
}

// SQLite's calls come here: what the program itself defines goes before the C library's.
extern "C" int fdatasync(int descriptor) {
    ++counted_syncs;
    return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}
extern "C" int fsync(int descriptor) {
    ++counted_syncs;
    return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace parley::bench {
namespace {

// The number that follows `name` in one of the files of /proc.
std::uint64_t number_in(const std::string& file, const std::string& name) {
    std::ifstream in(file);
    for (std::string word; in >> word;) {
        std::uint64_t value = 0;
        if (word == name && in >> value) {
            return value;
        }
    }
    return 0;
}

}  // namespace

void fail(const std::string& why) {
    std::fprintf(stderr, "sdk_bench: %s\n", why.c_str());
    std::_Exit(1);
}

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::uint64_t written_bytes() {
    return number_in("/proc/self/io", "write_bytes:");
}

std::uint64_t syncs() {
    return counted_syncs;
}

std::uint64_t wakeups() {
    std::uint64_t sum = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        if (task.path().filename() != std::to_string(::getpid())) {
            sum += number_in(task.path() / "status", "voluntary_ctxt_switches:");
        }
    }
    return sum;
}

double cpu_ms() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) * 1e-3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

std::uint64_t resident_bytes() {
    return number_in("/proc/self/status", "VmRSS:") * 1024;
}

std::uint64_t heap_bytes() {
    return ::mallinfo2().uordblks;
}

Report& Report::add(const std::string& name, double value) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.6g", value);
    line_ += ", \"" + name + "\": " + digits;
    return *this;
}

void Report::print() {
    std::printf("%s}\n", line_.c_str());
}

double percentile(std::vector<double> values, double which) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * which)];
}

DiskSample::DiskSample(const std::string& path)
    : file_(::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600)) {}

DiskSample::~DiskSample() {
    ::close(file_);
}

void DiskSample::take() {
    static const std::vector<char> block(4096, 'x');
    const auto start = Clock::now();
    if (::write(file_, block.data(), block.size()) != 4096 ||
        ::syscall(SYS_fdatasync, file_) != 0) {
        fail("the file beside the local store cannot be written");
    }
    times.push_back(ms_since(start));
}

void Costs::print(const std::string& what, std::size_t count) const {
    const auto each = [&](auto now, auto before) {
        return static_cast<double>(now - before) / static_cast<double>(count);
    };
    Report(what)
        .add("syncs", each(syncs(), syncs_))
        .add("bytes_written", each(written_bytes(), written_))
        .add("wakeups", each(wakeups(), woken_))
        .add("cpu_ms", each(cpu_ms(), cpu_))
        .print();
}

}  // namespace parley::bench
