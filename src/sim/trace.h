#pragma once

#include "base/bytes.h"
#include "base/time.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace parley::sim {

// What a run did, as one running hash: two runs are the same exactly when their hashes are.
// Everything that happens is noted here: frames, commits, callbacks, faults. With a line sink it is
// also printed.
class Trace {
  public:
    using Lines = std::function<void(const std::string&)>;

    // The current virtual time is read through `now` for each note.
    explicit Trace(std::function<Duration()> now) : now_(std::move(now)) {}

    void print_to(Lines lines) { lines_ = std::move(lines); }
    bool printing() const { return lines_ != nullptr; }

    // `kind` is a short stable word, `who` the node.
    void note(std::string_view kind, std::string_view who, std::string_view what = {});
    // Printed only: a word about what happens, not a part of it.
    void remark(std::string_view kind, std::string_view who, std::string_view what) const {
        if (lines_) {
            print(kind, who, what);
        }
    }
    // Bytes that matter for the hash, but are not printed.
    void note_bytes(std::string_view kind, std::string_view who, BytesView bytes);

    std::uint64_t hash() const { return hash_; }
    std::uint64_t notes() const { return notes_; }

  private:
    void mix(std::string_view text);
    void mix(std::uint64_t value);
    void print(std::string_view kind, std::string_view who, std::string_view what) const;

    std::function<Duration()> now_;
    Lines lines_;
    std::uint64_t hash_ = 0x9e3779b97f4a7c15ull;
    std::uint64_t notes_ = 0;
};

// "3d 04:05:06.000007": virtual time for people.
std::string format_time(Duration time);

}  // namespace parley::sim
