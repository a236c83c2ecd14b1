#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

namespace parley::parleyd {

// The codes that parleyd ends with (docs/cli.md).
namespace exit_code {
inline constexpr int kOk = 0;
inline constexpr int kRefused = 1;     // a command asked for what is not there, or was refused
inline constexpr int kUsage = 2;       // options, configuration, address in use
inline constexpr int kInUse = 3;       // the data folder belongs to a running process
inline constexpr int kStore = 4;       // the store cannot be opened
inline constexpr int kFatalWrite = 5;  // a write or flush failed
}  // namespace exit_code

// Raises the limit of open files to what the system allows and returns it.
std::uint64_t raise_descriptor_limit();

// What the main thread waits for: signals, and that a part of the server is done. Construct it
// before the first thread is started, so that all threads leave the signals to it.
//
// A peer or a pipe that goes away must not end the process, nor must a file that may not grow:
// SIGPIPE and SIGXFSZ are ignored, the calls fail instead.
class Events {
  public:
    enum class Event {
        terminate,  // SIGTERM or SIGINT
        reload,     // SIGHUP
        notified,   // notify() was called since the last time
        timed_out,
    };

    Events();
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;
    ~Events();

    Event wait();
    Event wait_until(std::chrono::steady_clock::time_point when);
    // Any thread.
    void notify();

    // From now on SIGTERM and SIGINT, and the time passed, end the process at once with kOk: for
    // the time in which nobody waits any more.
    static void end_process_on_signal_or_after(std::chrono::seconds time);

  private:
    Event wait_for(int timeout_ms);

    int signals_;
    int notified_;
};

}  // namespace parley::parleyd
