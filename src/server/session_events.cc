// What a session sends of its mailbox, and what its device acknowledges.
#include "mailbox/records.h"
#include "server/node_loop.h"
#include "server/session.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace parley::server {
namespace {

constexpr auto kReadAgainAfter = std::chrono::seconds(10);

}  // namespace

void Session::woken(const mailbox::Wake& wake, const std::shared_ptr<wire::RenderedEvent>& event) {
    known_head_ = std::max(known_head_, wake.event.sequence);
    if (phase_ != Phase::live || reading_ || events_stopped_until_ ||
        wake.event.sequence <= position_) {
        return;
    }
    const auto room = protocol_.room();
    if (event == nullptr || position_ != wake.previous ||
        !has_room_for(*event, room.ahead, room.bytes)) {
        return pump();
    }
    in_flight_.push_back({wake.event.sequence, wake.event.at, event});
    position_ = wake.event.sequence;
    loop_.metrics().add(Metric::told_live);
    loop_.metrics().observe(Timing::durable_to_pushed, loop_.loop().now() - wake.durable_at);
    protocol_.deliver(std::span(&event, 1), position_);
    loop_.messages().pushed(*wake.event.bytes, wake.event.sequence, number_, mailbox_id());
    touch();
}

bool Session::has_room_for(wire::RenderedEvent& event, std::size_t events,
                           std::size_t bytes) const {
    if (events == 0) {
        return false;
    }
    return in_flight_.empty() || event.size(encoding_) <= bytes;
}

// Reads on while there is more and the window has room (R20). Backlog and live are one stream: what
// comes meanwhile is read too.
void Session::pump() {
    if (phase_ != Phase::live || !messaging_ || reading_ || events_stopped_until_ ||
        known_head_ <= position_) {
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
    loop_.store().read(mailbox_id(), std::move(after), limit,
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
        return stop_events(position_, read.error());
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
    std::optional<Error> unreadable;
    Sequence unreadable_at;
    for (const mailbox::StoredEvent& stored : read.events) {
        auto event =
            wire::RenderedEvent::make(stored.sequence, stored.at, stored.bytes, stored.body);
        if (!event) {
            through = events.empty() ? position_ : events.back()->sequence();
            unreadable = event.error();
            unreadable_at = stored.sequence;
            break;
        }
        if (!has_room_for(**event, room.events, room.bytes)) {
            through = events.empty() ? position_ : events.back()->sequence();
            break;
        }
        room.events -= 1;
        room.bytes -= std::min(room.bytes, (*event)->size(encoding_));
        in_flight_.push_back({stored.sequence, stored.at, *event});
        loop_.messages().pushed(*stored.bytes, stored.sequence, number_, mailbox_id());
        events.push_back(std::move(*event));
    }
    const bool moved = through > position_;
    if (unreadable) {
        stop_events(unreadable_at, *unreadable);
    } else if (events_stopped_) {
        loop_.common().log.info("session.events_go_on", {{"session", number_}});
        events_go_on();
    }
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

// What cannot be read is not skipped (R19): its mailbox gets no further, and is tried again now and
// then. The session stays for all else.
void Session::stop_events(Sequence at, const Error& cause) {
    events_stopped_until_ = loop_.loop().now() + kReadAgainAfter;
    touch();
    if (std::exchange(events_stopped_, true)) {
        return;
    }
    loop_.metrics().add(Metric::events_stopped);
    loop_.common().log.error(
        "session.events_stopped",
        {{"session", number_},
         {"mailbox", mailbox::name_of(mailbox::mailbox_key(mailbox_id()))},
         {"sequence", at.value()},
         {"why", cause.description},
         {"advice", "parleyd verify tells what is damaged; restore a backup"}});
}

void Session::events_go_on() {
    if (std::exchange(events_stopped_, false)) {
        loop_.metrics().add(Metric::events_stopped, -1);
    }
    events_stopped_until_.reset();
}

void Session::log_acknowledged(const wire::RenderedEvent& event) const {
    if (!loop_.messages().on()) {
        return;
    }
    const auto facts = wire::receipt_facts(*event.stored(), wire::BytesFrom::this_process);
    if (facts && *facts) {
        loop_.messages().acknowledged((*facts)->message_id, event.sequence(), number_);
    }
}

void Session::acknowledge(Sequence sequence) {
    Acknowledgement acknowledgement{acked_, sequence, mark_, {}};
    acked_ = sequence;
    auto end = in_flight_.begin();
    for (; end != in_flight_.end() && end->sequence <= sequence; ++end) {
        if (!end->event->is_incoming()) {
            continue;
        }
        log_acknowledged(*end->event);
        acknowledgement.received.push_back({end->sequence, end->at, end->event->stored()});
    }
    in_flight_.erase(in_flight_.begin(), end);
    if (sequence <= mark_) {
        return;
    }
    if (loop_.is_home(mailbox_id())) {
        // The usual case costs no copies.
        return loop_.receipts().acknowledge(mailbox_id(), std::move(acknowledgement));
    }
    loop_.at_home(mailbox_id(),
                  [identity = identity_,
                   acknowledgement = std::move(acknowledgement)](NodeLoop& home) mutable {
                      home.receipts().acknowledge(identity->mailbox, std::move(acknowledgement));
                  });
}

}  // namespace parley::server
