#pragma once

#include "base/random.h"
#include "io/acceptor.h"
#include "io/dialer.h"
#include "sim/scheduler.h"
#include "sim/sim_loop.h"
#include "sim/trace.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace parley::sim {

class Link;

// What a connection attempt of a host meets.
enum class Reach : std::uint8_t {
    open,
    refused,    // an answer, and it is no
    blackhole,  // no answer: the attempt times out; what is connected stands still until it opens
                // again
};

enum class End : std::uint8_t { client, server };

// Watches the frames of every connection where they enter and leave it.
class NetworkTap {
  public:
    virtual ~NetworkTap() = default;
    virtual void connected(std::uint64_t link, const std::string& host) = 0;
    // Handed to the channel by the code of this end.
    virtual void written(std::uint64_t link, const std::string& host, End end, BytesView frame) = 0;
    // About to be handed to the code of this end.
    virtual void reading(std::uint64_t link, const std::string& host, End end, BytesView frame) = 0;
    // A frame was begun though the channel had no room, so that its buffer grows without bound.
    virtual void overrun(std::uint64_t link, const std::string& host, End end,
                         std::size_t bytes) = 0;
};

struct NetworkOptions {
    Duration latency{2'000};  // one way, at least
    Duration jitter{3'000};   // and up to this much more
    std::size_t wire_bytes =
        64 * 1024;  // on the way and not yet read, per direction: the kernel's buffers
    std::size_t buffer_bytes =
        64 * 1024;  // written and not yet on the way: then has_room() is false
    double bytes_per_us = 5.0;
    Duration close_timeout = std::chrono::seconds(5);
};

// All connections of a run. Whole frames travel, in order, with the bytes that the real codec would
// carry.
class SimNetwork {
  public:
    SimNetwork(Scheduler& scheduler, NetworkOptions options, std::uint64_t seed, Trace& trace);
    ~SimNetwork();

    void set_tap(NetworkTap* tap) { tap_ = tap; }

    // The one server there is: each new connection goes to the next of these in turn. Empty:
    // connections are refused.
    struct Listener {
        SimLoop* loop;
        io::ChannelHandler* handler;
    };
    void listen(std::vector<Listener> listeners);

    // The dialer of a process on a host.
    std::unique_ptr<io::Dialer> dialer(std::string host, SimLoop& loop);

    // ---- faults
    void set_reach(const std::string& host, Reach reach);
    Reach reach(const std::string& host) const;
    // Ends the connections of a host: both sides are told.
    std::size_t cut(const std::string& host);
    // Drops everything from now on, on the connections that exist: nobody is told.
    std::size_t half_open(const std::string& host);
    // A process ends: what it still writes while it is taken down goes nowhere. With its machine's
    // power gone the other side is not told either.
    void end_process(const std::string& host, End end, bool power_lost);
    // The same for every connection of the server.
    void end_server(bool power_lost);
    // This end reads at most one frame in `gap`; 0: as fast as it can.
    void slow_reader(const std::string& host, End end, Duration gap);
    // Every host reachable, nobody slow. Connections that are half open stay so: that is for the
    // keep-alive.
    void heal();

    std::size_t connections() const { return links_.size(); }

  private:
    friend class Link;
    friend class SimDialer;
    struct HostState {
        Reach reach = Reach::open;
        Duration gap[2] = {};
    };

    using HeldChannel = std::shared_ptr<std::unique_ptr<io::Channel>>;
    Duration delay();
    // A new connection: the server gets its end, the client's is returned.
    std::pair<std::shared_ptr<Link>, HeldChannel> connect(const std::string& host, SimLoop& client);
    void forget(std::uint64_t link);
    std::vector<std::shared_ptr<Link>> links_of(const std::string& host) const;

    Scheduler& scheduler_;
    NetworkOptions options_;
    Random random_;
    Trace& trace_;
    NetworkTap* tap_ = nullptr;
    std::vector<Listener> listeners_;
    std::size_t next_listener_ = 0;
    std::uint64_t last_link_ = 0;
    std::map<std::string, HostState> hosts_;
    std::map<std::uint64_t, std::shared_ptr<Link>> links_;
};

}  // namespace parley::sim
