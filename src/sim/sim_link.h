#pragma once

#include "io/channel.h"
#include "sim/sim_network.h"

#include <deque>
#include <memory>
#include <string>

namespace parley::sim {

class SimChannel;

struct Packet {
    enum class Kind : std::uint8_t { message, ping, pong, close, gone };
    Kind kind = Kind::message;
    Bytes bytes;
    io::ChannelEnd end;  // of a close, and of a connection that went

    std::size_t size() const { return bytes.size() + 8; }
};

// One connection: two ends, and what is on the way between them. Shared by the channels of both
// ends and by the packets on their way, so that each may go first.
class Link : public std::enable_shared_from_this<Link> {
  public:
    Link(SimNetwork& network, std::uint64_t id, std::string host, SimLoop& client, SimLoop& server);

    std::uint64_t id() const { return id_; }
    const std::string& host() const { return host_; }
    SimLoop& loop(End end) { return *side(end).loop; }
    std::unique_ptr<io::Channel> make_channel(End end);

    // ---- from the network
    void cut();
    void half_open() { lost_[0] = lost_[1] = true; }
    // The power of this end went: it never says a word again.
    void silence(End end) { lost_[static_cast<int>(end)] = true; }
    // The process of this end is being ended: it writes nothing more, and the other end will see
    // the connection go.
    void mute(End end) { side(end).muted = true; }
    void pump_both();

    // ---- from the channels
    bool has_room(End end) const;
    void write(End end, Packet packet);
    void start(End end, io::ChannelObserver& observer);
    void pause(End end, bool paused);
    void close(End end, std::uint16_t code, std::string_view reason);
    void dropped(End end);

  private:
    struct Side {
        SimLoop* loop = nullptr;
        SimChannel* channel = nullptr;  // null: not made yet, or destroyed
        io::ChannelObserver* observer = nullptr;
        std::deque<Packet> outbox;  // written, not yet on the way
        std::size_t outbox_bytes = 0;
        std::size_t wire_bytes = 0;  // sent by this side and not yet read by the other
        std::deque<Packet> inbox;    // arrived, not yet read
        Duration last_arrival{};     // of what this side sent
        Duration next_read{};
        bool paused = false;
        bool closing = false;
        bool ended = false;
        bool dropped = false;
        bool muted = false;
        bool pump_due = false;
        bool read_due = false;
        bool room_wanted = false;
        std::uint64_t read_timer = 0;
        io::Timer close_timer;
    };
    Side& side(End end) { return sides_[static_cast<int>(end)]; }
    const Side& side(End end) const { return sides_[static_cast<int>(end)]; }
    static End other(End end) { return end == End::client ? End::server : End::client; }

    void pump(End end);
    void send(End end, Packet packet);
    void arrive(End end, Packet packet);
    void schedule_read(End end);
    void read(End end);
    // False: the channel is gone or wants no more for now.
    bool hand_over(End end, Packet packet);
    void finish(End end, const io::ChannelEnd& how);
    void released(End sender, std::size_t bytes);

    SimNetwork& network_;
    std::uint64_t id_;
    std::string host_;
    Side sides_[2];
    bool lost_[2] = {false, false};  // what this end sends gets lost
    std::uint64_t generation_ = 0;   // packets of an older one are lost
};

}  // namespace parley::sim
