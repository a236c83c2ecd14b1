#pragma once

#include "base/metrics.h"
#include "base/prometheus.h"

#include <span>

namespace parley::asio {

class AsioLoop;

// What the connections of one loop moved. Counted on the loop, read from any thread.
struct Traffic {
    Tally bytes_received;  // of WebSockets, as they are within TLS
    Tally bytes_sent;
    Tally accepted;  // connections, by the loop that listens
    Tally tls_handshakes;
    Tally tls_failures;
    Tally upgrades;       // to WebSocket
    Tally http_requests;  // that were answered, refused upgrades included
};

// The sum over these loops.
void write_traffic(std::span<AsioLoop* const> loops, MetricsText& text);

}  // namespace parley::asio
