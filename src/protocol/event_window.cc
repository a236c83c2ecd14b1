#include "protocol/event_window.h"

namespace parley::protocol {

void EventWindow::start(Sequence cursor) {
    queued_through_ = cursor;
    sent_ = cursor;
    acknowledged_ = cursor;
}

std::size_t EventWindow::room_events() const {
    const std::size_t used = in_flight_.size() + queued_.size();
    return most_events() - std::min(used, most_events());
}

std::size_t EventWindow::room_ahead() const {
    const std::size_t used = in_flight_.size() + queued_.size();
    const std::size_t most = (1 + kWindowsAhead) * most_events();
    return most - std::min(used, most);
}

std::size_t EventWindow::room_bytes() const {
    if (in_flight_.empty() && queued_.empty()) {
        return std::max<std::size_t>(limits_.unacked_bytes, 1);
    }
    const std::size_t used = in_flight_bytes_ + queued_bytes_;
    return limits_.unacked_bytes - std::min<std::size_t>(used, limits_.unacked_bytes);
}

void EventWindow::add(std::span<const std::shared_ptr<wire::RenderedEvent>> events,
                      Sequence through) {
    for (const auto& event : events) {
        PARLEY_ASSERT(event->sequence() > queued_through_);
        queued_through_ = event->sequence();
        queued_bytes_ += event->size(encoding_);
        queued_.push(event);
    }
    queued_through_ = std::max(queued_through_, through);
}

bool EventWindow::fits(std::size_t bytes) const {
    return in_flight_.empty() || (in_flight_.size() < limits_.unacked_events &&
                                  in_flight_bytes_ + bytes <= limits_.unacked_bytes);
}

bool EventWindow::write(FrameSink& sink) {
    if (idle()) {
        return false;
    }
    wire::EventsFrame frame(encoding_);
    Sequence through;
    while (!queued_.empty()) {
        wire::RenderedEvent& event = *queued_.front();
        const std::size_t bytes = event.size(encoding_);
        if (!fits(bytes) || (!frame.empty() && frame.size_with(event) > limits_.frame_bytes)) {
            break;
        }
        through = event.sequence();
        in_flight_.push({through, bytes});
        in_flight_bytes_ += bytes;
        queued_bytes_ -= bytes;
        frame.add(queued_.pop());
    }
    if (queued_.empty()) {
        through = queued_through_;
    } else if (frame.empty()) {
        return false;
    }
    frame.write(through, sink);
    sent_ = through;
    return true;
}

void EventWindow::drop() {
    queued_.clear();
    queued_bytes_ = 0;
    queued_through_ = sent_;
}

bool EventWindow::acknowledge(Sequence sequence) {
    PARLEY_ASSERT(sequence <= sent_);
    if (sequence <= acknowledged_) {
        return false;
    }
    acknowledged_ = sequence;
    while (!in_flight_.empty() && in_flight_.front().sequence <= acknowledged_) {
        in_flight_bytes_ -= in_flight_.pop().bytes;
    }
    return true;
}

}  // namespace parley::protocol
