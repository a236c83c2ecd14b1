#include "line_reader.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace parley::cli {

bool wait_readable(int descriptor, const std::atomic<bool>& stop) {
    // Short enough for nobody to wait for, long enough to cost nothing.
    constexpr int kSliceMs = 100;
    while (!stop) {
        pollfd wanted{descriptor, POLLIN, 0};
        if (::poll(&wanted, 1, kSliceMs) != 0) {
            return true;
        }
    }
    return false;
}

LineReader::State LineReader::next(std::string& line) {
    std::size_t searched = begin_;
    for (;;) {
        if (const std::size_t end = buffer_.find('\n', searched); end != std::string::npos) {
            if (end - begin_ > longest_) {
                return State::too_long;
            }
            line.assign(buffer_, begin_, end - begin_);
            begin_ = end + 1;
            return State::line;
        }
        if (buffer_.size() - begin_ > longest_) {
            return State::too_long;
        }
        if (ended_) {
            if (begin_ == buffer_.size()) {
                return State::end;
            }
            line.assign(buffer_, begin_);
            begin_ = buffer_.size();
            return State::line;
        }
        buffer_.erase(0, begin_);
        begin_ = 0;
        searched = buffer_.size();
        if (!wait_readable(descriptor_, stop_)) {
            return State::stopped;
        }
        std::array<char, 16 * 1024> chunk;
        const ssize_t count = ::read(descriptor_, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return State::failed;
        }
        ended_ = count == 0;
        buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    }
}

}  // namespace parley::cli
