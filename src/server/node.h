#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/prometheus.h"
#include "base/task.h"
#include "io/acceptor.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "protocol/token.h"
#include "server/metrics.h"
#include "server/operator.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::server {

// A key and its secrets: what tokens are checked against. Two secrets during a rotation.
struct Application {
    ApplicationKey key;
    std::vector<std::string> secrets;
};

// All that can be set. Plain values: filled by parleyd from flags and file, by the simulator from
// the scenario.
struct NodeOptions {
    Limits limits;  // dedupe_horizon is taken from the store
    ServerLimits server;
    std::string issuer_prefix{protocol::kDefaultIssuerPrefix};  // R22
    // A session lives this long beyond its token.
    Duration token_grace = kTokenLeeway;
    // More than these are sent away with 4290; 0: no limit.
    std::uint32_t connections_per_loop = 0;
    // The receipt mark of a mailbox is written at most this often: it may lag (R21).
    Duration mark_delay = 100ms;
    // The same where there were no receipts.
    Duration idle_mark_delay = 5s;
    // For a peer that does not read its Goodbye.
    Duration linger = 5s;
    // What is not finished by then is cut off.
    Duration drain_timeout = 8s;
    // Goodbye 3002 tells clients to come back within this time, spread evenly.
    std::chrono::milliseconds drain_spread = 5s;
};

// What only the program around a node knows of its loops, store and process. Called on any loop, on
// several at once, with that loop's time. Each may be empty.
struct Probes {
    // /metrics, after what the node counts itself.
    std::function<void(MetricsText&, Instant now)> metrics;
    // Why the process must be ended (/healthz), or why it takes nothing now (/readyz), in one
    // sentence for people; nothing: all is well.
    std::function<std::optional<std::string>(Instant now)> unhealthy;
    std::function<std::optional<std::string>(Instant now)> not_ready;
};

// The server, without sockets, files, clocks and threads: sessions come in as channels, messages go
// to the store. It has one part for each loop; a session belongs to the loop that its channel
// belongs to, and what is per user to the loop where the user is at home.
//
// All references outlive the node. Construct it before its loops run; destroy it when they have
// stopped, or, where all loops share one thread (the simulator), at any moment between two tasks:
// what it has posted then does nothing.
class Node {
  public:
    // One loop, and this node's door to the store there.
    struct Place {
        io::Loop* loop = nullptr;
        std::unique_ptr<mailbox::Store> store;
    };

    Node(NodeOptions options, std::vector<Application> applications, std::vector<Place> places,
         io::WallClock& clock, io::Entropy& entropy, Logger log);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // What the acceptors of loop `index` hand their channels and HTTP requests to. Live as long as
    // the node.
    io::ChannelHandler& channels(std::size_t index);
    io::RequestHandler& public_requests(std::size_t index);  // /healthz /readyz
    io::RequestHandler& admin_requests(std::size_t index);   // the same and /metrics

    // ---- for operators. On the first loop; `done` runs there, in a later turn.
    // Tokens are checked against these from now on, on every loop, and the sessions of applications
    // that are not among them have been told their Goodbye (2002) before `done`.
    void set_applications(std::vector<Application> applications, Task done);
    // What there is now, `most` at most.
    void list_sessions(SessionFilter filter, std::size_t most,
                       UniqueFunction<void(SessionList)> done);
    // Says this Goodbye to the sessions that fit; `done` hears how many. What they had asked of the
    // store before is asked before whatever `done` asks.
    void end_sessions(SessionFilter filter, Error error, UniqueFunction<void(std::size_t)> done);

    // Sends every session away (Goodbye 3002), takes no new ones, and runs `done` on the first loop
    // when all that was submitted is answered and every connection is closed, or drain_timeout has
    // passed. Any thread, once. The store is not drained: that is the caller's next step.
    void drain(Task done);
    // The sum over all loops. Any thread.
    Metrics::Values metrics() const;
    // What only the program knows. Once, before the loops run.
    void set_probes(Probes probes);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// What is wrong with these settings, one line each, by the names of the fields; empty: nothing.
// Checked at start (semantics.md, "Limits").
std::vector<std::string> check_options(const NodeOptions& options);

}  // namespace parley::server
