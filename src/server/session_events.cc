// What a session sends of its mailbox, and what its device acknowledges.
#include "server/node_loop.h"
#include "server/session.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace parley::server {

void Session::woken(const mailbox::Wake& wake, const std::shared_ptr<wire::RenderedEvent>& event) {
    known_head_ = std::max(known_head_, wake.event.sequence);
    if (phase_ != Phase::live || reading_ || wake.event.sequence <= position_) {
        return;
    }
    const auto room = protocol_.room();
    if (event == nullptr || position_ != wake.previous ||
        !has_room_for(*event, room.events, room.bytes)) {
        return pump();
    }
    in_flight_.push_back({wake.event.sequence, wake.event.at, event});
    position_ = wake.event.sequence;
    loop_.metrics().add(Metric::told_live);
    loop_.metrics().observe(Timing::durable_to_pushed, loop_.loop().now() - wake.durable_at);
    protocol_.deliver(std::span(&event, 1), position_);
    loop_.messages().pushed(*wake.event.bytes, wake.event.sequence, number_, mailbox_);
    touch();
}

bool Session::has_room_for(wire::RenderedEvent& event, std::size_t events,
                           std::size_t bytes) const {
    if (events == 0) {
        return false;
    }
    return in_flight_.empty() || event.bytes(encoding_).size() <= bytes;
}

// Reads on while there is more and the window has room (R20). Backlog and live are one stream: what
// comes meanwhile is read too.
void Session::pump() {
    if (phase_ != Phase::live || !messaging_ || reading_ || known_head_ <= position_) {
        return;
    }
    const auto room = protocol_.room();
    if (room.events == 0 || (room.bytes == 0 && !in_flight_.empty())) {
        return;
    }
    reading_ = true;
    std::optional<Cursor> after;
    if (position_ > Sequence{}) {
        after = Cursor{loop_.store().epoch(), position_};
    }
    mailbox::ReadLimit limit;
    limit.events = room.events;
    limit.bytes = std::min(limit.bytes, std::max<std::size_t>(room.bytes, 1));
    loop_.metrics().add(Metric::reads);
    loop_.store().read(mailbox_, std::move(after), limit,
                       [this_loop = &loop_, number = number_, head = known_head_,
                        asked = loop_.loop().now()](Result<mailbox::Read> read) {
                           this_loop->metrics().observe(Timing::read,
                                                        this_loop->loop().now() - asked);
                           if (Session* it = this_loop->find(number)) {
                               it->on_read(std::move(read), head);
                           }
                       });
}

void Session::on_read(Result<mailbox::Read> read, Sequence head) {
    reading_ = false;
    if (phase_ != Phase::live) {
        return;
    }
    if (!read) {
        loop_.metrics().add(Metric::read_failures);
        return store_failed(read.error(), "the mailbox cannot be read now; try again later");
    }
    if (read->reset) {
        return goodbye(make_error(ErrorCode::mailbox_reset, "the mailbox was reset: reconnect"));
    }
    deliver(*read, head);
    touch();
}

void Session::deliver(const mailbox::Read& read, Sequence head) {
    auto room = protocol_.room();
    std::vector<std::shared_ptr<wire::RenderedEvent>> events;
    events.reserve(read.events.size());
    Sequence through = read.through;
    for (const mailbox::StoredEvent& stored : read.events) {
        const std::string_view body = stored.body ? std::string_view(*stored.body) : "";
        auto event = wire::RenderedEvent::make(stored.sequence, stored.at, *stored.bytes, body);
        if (!event) {
            loop_.common().log.error("event.unreadable", {{"sequence", stored.sequence.value()},
                                                          {"why", event.error().description}});
            return goodbye(make_error(ErrorCode::server_error, "the mailbox cannot be read"));
        }
        if (!has_room_for(**event, room.events, room.bytes)) {
            through = events.empty() ? position_ : events.back()->sequence();
            break;
        }
        room.events -= 1;
        room.bytes -= std::min(room.bytes, (*event)->bytes(encoding_).size());
        in_flight_.push_back({stored.sequence, stored.at, *event});
        loop_.messages().pushed(*stored.bytes, stored.sequence, number_, mailbox_);
        events.push_back(std::move(*event));
    }
    const bool moved = through > position_;
    if (moved) {
        loop_.metrics().add(Metric::told_read, static_cast<std::int64_t>(events.size()));
        position_ = through;
        protocol_.deliver(events, through);
        pump();
    } else if (read.events.empty()) {
        // Hints run ahead of what there is (an erase, the end of retention): the next one tells.
        // One that came while this was read is the next one already: the read may not have seen it.
        known_head_ = known_head_ > head ? known_head_ : position_;
        pump();
    }
}

void Session::acknowledge(Sequence sequence) {
    Acknowledgement acknowledgement{acked_, sequence, {}};
    acked_ = sequence;
    auto end = in_flight_.begin();
    for (; end != in_flight_.end() && end->sequence <= sequence; ++end) {
        if (!end->event->receipt()) {
            continue;
        }
        loop_.messages().acknowledged(end->event->receipt()->message_id, end->sequence, number_);
        acknowledgement.received.push_back({end->sequence, end->at, *end->event->receipt()});
    }
    in_flight_.erase(in_flight_.begin(), end);
    if (sequence <= mark_) {
        return;
    }
    if (loop_.is_home(mailbox_)) {
        // The usual case costs no copies.
        return loop_.receipts().acknowledge(mailbox_, std::move(acknowledgement));
    }
    loop_.at_home(mailbox_, [mailbox = mailbox_,
                             acknowledgement = std::move(acknowledgement)](NodeLoop& home) mutable {
        home.receipts().acknowledge(mailbox, std::move(acknowledgement));
    });
}

}  // namespace parley::server
