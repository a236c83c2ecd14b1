#pragma once

#include "base/bytes.h"

#include <cstddef>

namespace parley {

// Where a session writes the frames that are due. What is written in one turn of the loop leaves in
// one write.
//   if (sink.has_room()) { sink.begin(a.size() + b.size()); sink.append(a); sink.append(b);
//   sink.end(); }
class FrameSink {
  public:
    virtual ~FrameSink() = default;
    // False: the connection has enough to write for now; keep the frame, and try again when the
    // owner says so. A frame that was begun with room is taken whole, whatever its size.
    virtual bool has_room() const = 0;
    // Starts a frame of exactly `size` bytes; append() gives them in pieces, end() closes it.
    virtual void begin(std::size_t size) = 0;
    virtual void append(BytesView piece) = 0;
    virtual void end() = 0;
    // A keep-alive ping at the connection's own level. Needs no room.
    virtual void ping() = 0;
};

}  // namespace parley
