#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace parley::parleyd {

// Writes lines to a descriptor on a thread of its own, so that nobody waits for whoever reads them:
// a full pipe, a journal on a stuck disk. What waits is bounded: when there is no room the oldest
// lines go, are counted, and are told of by `missing` as soon as lines can be written again.
class LineWriter {
  public:
    static constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
    static constexpr std::size_t kMostLines = 32 * 1024;

    // Makes the line that stands where this many are missing; on the thread of the writer.
    using Missing = std::string (*)(std::uint64_t lines);

    // `descriptor` stays open until all that was taken is written, or for ever.
    LineWriter(int descriptor, Missing missing);
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;
    // Waits kPatience for what was taken. Whoever does not read by then does not get it.
    ~LineWriter();

    // Any thread; never waits for the descriptor. `line` has its line end.
    void write(std::string line);
    // Waits until all that was taken is written, at most this long. False: it is not.
    bool flush(std::chrono::milliseconds most = kPatience);
    // Lines that nobody will read, ever. Any thread.
    std::uint64_t lost() const;

    static constexpr std::chrono::milliseconds kPatience{500};

  private:
    struct Shared;
    // The thread's as well: one that hangs in a write outlives the writer.
    const std::shared_ptr<Shared> shared_;
};

}  // namespace parley::parleyd
