#pragma once

#include "base/frame_sink.h"
#include "base/ids.h"
#include "base/limits.h"
#include "protocol/fifo.h"
#include "wire/stored_event.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

namespace parley::protocol {

// The events of one server session on their way: handed over and waiting, or written and not yet
// acknowledged. Keeps the window (R20): so many events and bytes in flight, of which one event is
// always allowed. Part of ServerSession.
class EventWindow {
  public:
    EventWindow(wire::Encoding encoding, const Limits& limits)
        : limits_(limits), encoding_(encoding) {}

    // The cursor from which on events are sent: all up to it counts as sent and acknowledged.
    void start(Sequence cursor);

    bool has_room() const { return room_events() > 0 && room_bytes() > 0; }
    std::size_t room_events() const;
    // The same with those that may wait here for the window: what comes in one burst, such as the
    // receipts of a fan-out, need not be read from the store again.
    std::size_t room_ahead() const;
    std::size_t room_bytes() const;
    void add(std::span<const std::shared_ptr<wire::RenderedEvent>> events, Sequence through);

    // Writes one Events frame, as full as the window and the frame limit allow. False: nothing may
    // go now.
    bool write(FrameSink& sink);
    // Forgets what was not written.
    void drop();
    bool idle() const { return queued_.empty() && queued_through_ <= sent_; }

    // What the peer may acknowledge.
    Sequence sent() const { return sent_; }
    // False: it was acknowledged before. Up to sent() only.
    bool acknowledge(Sequence sequence);
    Sequence acknowledged() const { return acknowledged_; }

  private:
    struct Unacknowledged {
        Sequence sequence;
        std::size_t bytes = 0;
    };
    // As many events as so many windows; their bytes count as if they were in flight.
    static constexpr std::size_t kWindowsAhead = 4;

    std::size_t most_events() const { return std::max<std::size_t>(limits_.unacked_events, 1); }
    bool fits(std::size_t bytes) const;

    const Limits& limits_;
    wire::Encoding encoding_;
    Fifo<std::shared_ptr<wire::RenderedEvent>> queued_;
    std::size_t queued_bytes_ = 0;
    Sequence queued_through_;
    Fifo<Unacknowledged> in_flight_;
    std::size_t in_flight_bytes_ = 0;
    Sequence sent_;
    Sequence acknowledged_;
};

}  // namespace parley::protocol
