#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>

namespace parley::cli {

// Reads lines from a file descriptor, none longer than a bound, so that a stream without line ends
// costs no memory.
class LineReader {
  public:
    // `stop` ends the waiting, soon after it was set.
    LineReader(int descriptor, std::size_t longest, const std::atomic<bool>& stop)
        : descriptor_(descriptor), longest_(longest), stop_(stop) {}

    enum class State { line, end, too_long, failed, stopped };
    // The next line without its end goes to `line`; a last one without an end counts. Waits. After
    // anything but `line` nothing follows.
    State next(std::string& line);

  private:
    const int descriptor_;
    const std::size_t longest_;
    const std::atomic<bool>& stop_;
    std::string buffer_;
    std::size_t begin_ = 0;
    bool ended_ = false;
};

// Waits until the descriptor can be read; false: `stop` was set first.
bool wait_readable(int descriptor, const std::atomic<bool>& stop);

}  // namespace parley::cli
