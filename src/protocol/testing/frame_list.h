#pragma once

#include "base/assert.h"
#include "base/frame_sink.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace parley::protocol::testing {

// A connection's sending side that keeps what it is given. Has room until `room` frames are in it.
class FrameList final : public FrameSink {
  public:
    bool has_room() const override { return frames.size() < room; }
    void begin(std::size_t size) override {
        PARLEY_ASSERT(!open_);
        open_ = true;
        announced_ = size;
        frames.emplace_back();
    }
    void append(BytesView piece) override { frames.back().append(as_text(piece)); }
    void end() override {
        PARLEY_ASSERT(open_ && frames.back().size() == announced_);
        open_ = false;
    }
    void ping() override { ++pings; }

    std::vector<Bytes> take() { return std::exchange(frames, {}); }

    std::vector<Bytes> frames;
    std::size_t room = SIZE_MAX;
    int pings = 0;

  private:
    bool open_ = false;
    std::size_t announced_ = 0;
};

}  // namespace parley::protocol::testing
