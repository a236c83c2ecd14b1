#include "sim/sim_link.h"

#include "base/assert.h"
#include "wire/frames.h"

#include <utility>

namespace parley::sim {

// What the code of one end holds. Calls are passed on; the link is what lives.
class SimChannel final : public io::Channel {
  public:
    SimChannel(std::shared_ptr<Link> link, End end) : link_(std::move(link)), end_(end) {}
    ~SimChannel() override { link_->dropped(end_); }

    bool has_room() const override { return link_->has_room(end_); }
    void begin(std::size_t size) override {
        PARLEY_ASSERT(!open_);
        open_ = true;
        size_ = size;
        frame_.clear();
        frame_.reserve(size);
    }
    void append(BytesView piece) override { frame_.append(as_text(piece)); }
    void end() override {
        PARLEY_ASSERT(open_ && frame_.size() == size_);
        open_ = false;
        link_->write(end_, {Packet::Kind::message, std::move(frame_), {}});
        frame_ = {};
    }
    void ping() override { link_->write(end_, {Packet::Kind::ping, {}, {}}); }
    void start(io::ChannelObserver& observer) override { link_->start(end_, observer); }
    void pause_reading(bool paused) override { link_->pause(end_, paused); }
    void close(std::uint16_t code, std::string_view reason) override {
        link_->close(end_, code, reason);
    }
    std::string_view subprotocol() const override { return wire::kProtoSubprotocol; }
    std::string_view peer_address() const override {
        return end_ == End::server ? std::string_view(link_->host()) : std::string_view("server");
    }

  private:
    std::shared_ptr<Link> link_;
    End end_;
    bool open_ = false;
    std::size_t size_ = 0;
    Bytes frame_;
};

Link::Link(SimNetwork& network, std::uint64_t id, std::string host, SimLoop& client,
           SimLoop& server)
    : network_(network), id_(id), host_(std::move(host)) {
    side(End::client).loop = &client;
    side(End::server).loop = &server;
}

std::unique_ptr<io::Channel> Link::make_channel(End end) {
    auto channel = std::make_unique<SimChannel>(shared_from_this(), end);
    side(end).channel = channel.get();
    return channel;
}

void Link::cut() {
    ++generation_;
    lost_[0] = lost_[1] = true;
    for (const End end : {End::client, End::server}) {
        Side& me = side(end);
        if (me.dropped || me.ended) {
            continue;
        }
        // The one side may notice long before the other; what has arrived may still be read.
        network_.scheduler_.after(network_.delay(), [self = shared_from_this(), end] {
            self->side(end).inbox.push_back(
                {Packet::Kind::gone, {}, {io::close_code::kAbnormal, "connection reset"}});
            self->schedule_read(end);
        });
    }
}

void Link::pump_both() {
    pump(End::client);
    pump(End::server);
}

bool Link::has_room(End end) const {
    return side(end).outbox_bytes < network_.options_.buffer_bytes;
}

void Link::write(End end, Packet packet) {
    Side& me = side(end);
    if (me.closing || me.ended || me.muted) {
        return;
    }
    if (packet.kind == Packet::Kind::message && network_.tap_ != nullptr) {
        if (!has_room(end)) {
            network_.tap_->overrun(id_, host_, end, me.outbox_bytes);
        }
        network_.tap_->written(id_, host_, end, as_bytes(packet.bytes));
    }
    me.outbox_bytes += packet.size();
    me.outbox.push_back(std::move(packet));
    if (!has_room(end)) {
        me.room_wanted = true;
    }
    if (!me.pump_due) {
        // All that a turn writes leaves together, at its end.
        me.pump_due = true;
        me.loop->at_turn_end([self = shared_from_this(), end] { self->pump(end); });
    }
}

void Link::pump(End end) {
    Side& me = side(end);
    me.pump_due = false;
    if (me.dropped) {
        return;
    }
    if (network_.reach(host_) == Reach::blackhole && !lost_[static_cast<int>(end)]) {
        return;  // Goes on when the host is reachable again.
    }
    while (!me.outbox.empty() && (me.wire_bytes == 0 || me.wire_bytes + me.outbox.front().size() <=
                                                            network_.options_.wire_bytes)) {
        Packet packet = std::move(me.outbox.front());
        me.outbox.pop_front();
        me.outbox_bytes -= packet.size();
        send(end, std::move(packet));
    }
    if (me.room_wanted && has_room(end)) {
        me.room_wanted = false;
        me.loop->post([self = shared_from_this(), end] {
            Side& mine = self->side(end);
            if (mine.channel != nullptr && mine.observer != nullptr && !mine.ended &&
                !mine.closing) {
                mine.observer->on_room();
            }
        });
    }
}

void Link::send(End end, Packet packet) {
    Side& me = side(end);
    me.wire_bytes += packet.size();
    if (lost_[static_cast<int>(end)]) {
        return;  // Unacknowledged for ever: the buffers fill, and nobody says why.
    }
    const auto transfer = Duration(static_cast<std::int64_t>(static_cast<double>(packet.size()) /
                                                             network_.options_.bytes_per_us));
    const Duration arrival =
        std::max(me.last_arrival, network_.scheduler_.now() + network_.delay()) + transfer;
    me.last_arrival = arrival;
    network_.scheduler_.at(arrival, [self = shared_from_this(), end, generation = generation_,
                                     packet = std::move(packet)]() mutable {
        if (generation == self->generation_ && !self->lost_[static_cast<int>(end)]) {
            self->arrive(other(end), std::move(packet));
        }
    });
}

void Link::arrive(End end, Packet packet) {
    Side& me = side(end);
    if (me.dropped || me.ended) {
        released(other(end), packet.size());
        return;
    }
    me.inbox.push_back(std::move(packet));
    schedule_read(end);
}

void Link::schedule_read(End end) {
    Side& me = side(end);
    if (me.read_due || me.inbox.empty() || me.observer == nullptr || me.dropped || me.ended) {
        return;
    }
    // A pause stops the reading; the end of a connection shows all the same.
    if (me.paused && me.inbox.back().kind != Packet::Kind::gone) {
        return;
    }
    me.read_due = true;
    network_.scheduler_.at(me.next_read, [self = shared_from_this(), end] {
        // The loop of an end that was dropped may be gone.
        if (!self->side(end).dropped) {
            self->side(end).loop->post([self, end] { self->read(end); });
        }
    });
}

void Link::read(End end) {
    Side& me = side(end);
    me.read_due = false;
    if (me.channel == nullptr || me.ended) {
        return;
    }
    const Duration gap = network_.hosts_[host_].gap[static_cast<int>(end)];
    if (!me.paused && !me.inbox.empty() && me.inbox.front().kind != Packet::Kind::gone) {
        me.observer->on_alive();
    }
    while (me.channel != nullptr && !me.ended && !me.inbox.empty()) {
        if (me.paused) {
            if (me.inbox.back().kind != Packet::Kind::gone) {
                return;
            }
            while (me.inbox.size() > 1) {
                me.inbox.pop_front();
            }
        }
        Packet packet = std::move(me.inbox.front());
        me.inbox.pop_front();
        released(other(end), packet.size());
        if (!hand_over(end, std::move(packet))) {
            return;
        }
        if (gap > Duration{}) {
            me.next_read = network_.scheduler_.now() + gap;
            schedule_read(end);
            return;
        }
    }
}

bool Link::hand_over(End end, Packet packet) {
    Side& me = side(end);
    switch (packet.kind) {
        case Packet::Kind::message:
            network_.trace_.note_bytes(end == End::client ? "net.to_client" : "net.to_server",
                                       host_, as_bytes(packet.bytes));
            if (network_.tap_ != nullptr) {
                network_.tap_->reading(id_, host_, end, as_bytes(packet.bytes));
            }
            me.observer->on_message(as_bytes(packet.bytes));
            break;
        case Packet::Kind::ping:
            write(end, {Packet::Kind::pong, {}, {}});
            break;
        case Packet::Kind::pong:
            break;
        case Packet::Kind::close:
            if (!me.closing) {
                me.closing = true;
                me.outbox.push_back({Packet::Kind::close, {}, packet.end});
                me.outbox_bytes += me.outbox.back().size();
                pump(end);
            }
            finish(end, packet.end);
            break;
        case Packet::Kind::gone:
            finish(end, packet.end);
            break;
    }
    return me.channel != nullptr && !me.ended;
}

void Link::finish(End end, const io::ChannelEnd& how) {
    Side& me = side(end);
    if (me.ended) {
        return;
    }
    me.ended = true;
    me.close_timer.reset();
    if (me.channel != nullptr && me.observer != nullptr) {
        me.observer->on_end(how);
    }
}

void Link::released(End sender, std::size_t bytes) {
    Side& me = side(sender);
    me.wire_bytes -= std::min(bytes, me.wire_bytes);
    if (me.dropped || me.outbox.empty()) {
        return;
    }
    network_.scheduler_.after(network_.options_.latency,
                              [self = shared_from_this(), sender] { self->pump(sender); });
}

void Link::start(End end, io::ChannelObserver& observer) {
    side(end).observer = &observer;
    schedule_read(end);
}

void Link::pause(End end, bool paused) {
    side(end).paused = paused;
    if (!paused) {
        schedule_read(end);
    }
}

void Link::close(End end, std::uint16_t code, std::string_view reason) {
    Side& me = side(end);
    if (me.closing || me.ended) {
        return;
    }
    write(end, {Packet::Kind::close, {}, {code, std::string(reason)}});
    me.closing = true;
    // It waits for the peer's close frame, so it reads.
    me.paused = false;
    schedule_read(end);
    me.close_timer = me.loop->call_at(
        me.loop->now() + network_.options_.close_timeout, [weak = weak_from_this(), end] {
            if (const auto self = weak.lock()) {
                self->finish(end, {io::close_code::kAbnormal, "no close frame came"});
            }
        });
}

void Link::dropped(End end) {
    Side& me = side(end);
    me.channel = nullptr;
    me.observer = nullptr;
    me.dropped = true;
    me.close_timer.reset();
    me.outbox.clear();
    me.outbox_bytes = 0;
    me.inbox.clear();
    if (!side(other(end)).dropped) {
        if (network_.reach(host_) == Reach::blackhole) {
            lost_[static_cast<int>(end)] = true;
        }
        send(end, {Packet::Kind::gone, {}, {io::close_code::kAbnormal, "connection closed"}});
        return;
    }
    network_.forget(id_);
}

}  // namespace parley::sim
