#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// What a measuring process finds out about itself and about the disk below it.
namespace parley::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why);
double ms_since(Clock::time_point start);

// Since the process began: bytes given to the file system, syncs of it, how often threads other
// than the first waited and were woken, processor time.
std::uint64_t written_bytes();
std::uint64_t syncs();
std::uint64_t wakeups();
double cpu_ms();
// Now: of the process, and in live blocks of its heap.
std::uint64_t resident_bytes();
std::uint64_t heap_bytes();

// One line, in the order in which it is told.
class Report {
  public:
    explicit Report(const std::string& what) : line_("{\"what\": \"" + what + "\"") {}
    Report& add(const std::string& name, double value);
    void print();

  private:
    std::string line_;
};

double percentile(std::vector<double> values, double which);

// What one sync of 4 KiB at the end of a file costs here and now.
class DiskSample {
  public:
    explicit DiskSample(const std::string& path);
    ~DiskSample();
    DiskSample(const DiskSample&) = delete;
    DiskSample& operator=(const DiskSample&) = delete;
    void take();
    std::vector<double> times;

  private:
    int file_;
};

// What this process costs from here on, for each of `count` messages.
class Costs {
  public:
    void print(const std::string& what, std::size_t count) const;

  private:
    std::uint64_t syncs_ = syncs(), written_ = written_bytes(), woken_ = wakeups();
    double cpu_ = cpu_ms();
};

}  // namespace parley::bench
