#include "line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace parley::parleyd {
namespace {

// In one write, so that a line that is lost in it is one of few.
constexpr std::size_t kWriteBytes = 64 * 1024;

// False: nobody will ever read it.
bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            // Somebody else made the descriptor non-blocking.
            pollfd file{descriptor, POLLOUT, 0};
            ::poll(&file, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

}  // namespace

struct LineWriter::Shared {
    Shared(int file, Missing told) : descriptor(file), missing(told) {}

    const int descriptor;
    const Missing missing;
    std::atomic<std::uint64_t> lost = 0;

    std::mutex mutex;  // guards all below
    std::condition_variable changed;
    std::deque<std::string> lines;
    std::size_t bytes = 0;
    std::uint64_t untold = 0;  // of the lost ones
    bool writing = false;
    bool ending = false;

    bool is_idle() const { return lines.empty() && !writing; }
    void lose(std::uint64_t count) {
        untold += count;
        lost.fetch_add(count, std::memory_order_relaxed);
    }
    void drop_oldest() {
        bytes -= lines.front().size();
        lines.pop_front();
        lose(1);
    }
    // Until `ending` and nothing is left.
    void run() {
        std::unique_lock lock(mutex);
        for (;;) {
            changed.wait(lock, [this] { return !lines.empty() || ending; });
            if (lines.empty()) {
                return;
            }
            std::string batch = untold > 0 ? missing(std::exchange(untold, 0)) : std::string();
            std::uint64_t count = 0;
            while (!lines.empty() && batch.size() < kWriteBytes) {
                batch += lines.front();
                bytes -= lines.front().size();
                lines.pop_front();
                ++count;
            }
            writing = true;
            lock.unlock();
            const bool written = write_all(descriptor, batch);
            lock.lock();
            writing = false;
            if (!written) {
                lose(count);
            }
            changed.notify_all();
        }
    }
};

LineWriter::LineWriter(int descriptor, Missing missing)
    : shared_(std::make_shared<Shared>(descriptor, missing)) {
    std::thread([shared = shared_] { shared->run(); }).detach();
}

LineWriter::~LineWriter() {
    flush();
    const std::lock_guard lock(shared_->mutex);
    shared_->ending = true;
    shared_->changed.notify_all();
}

void LineWriter::write(std::string line) {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->bytes += line.size();
        shared_->lines.push_back(std::move(line));
        while (shared_->bytes > kMostBytes || shared_->lines.size() > kMostLines) {
            shared_->drop_oldest();
        }
    }
    shared_->changed.notify_all();
}

bool LineWriter::flush(std::chrono::milliseconds most) {
    std::unique_lock lock(shared_->mutex);
    return shared_->changed.wait_for(lock, most, [this] { return shared_->is_idle(); });
}

std::uint64_t LineWriter::lost() const {
    return shared_->lost.load(std::memory_order_relaxed);
}

}  // namespace parley::parleyd
