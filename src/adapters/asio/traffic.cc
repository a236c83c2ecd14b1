#include "adapters/asio/traffic.h"

#include "adapters/asio/core.h"

#include <cstdint>
#include <string_view>

namespace parley::asio {
namespace {

std::int64_t sum(std::span<AsioLoop* const> loops, Tally Traffic::* tally) {
    std::int64_t all = 0;
    for (AsioLoop* loop : loops) {
        all += (loop->core().traffic.*tally).value();
    }
    return all;
}

}  // namespace

void write_traffic(std::span<AsioLoop* const> loops, MetricsText& text) {
    const auto counter = [&](std::string_view name, std::string_view help, Tally Traffic::* tally) {
        text.counter(name, help, sum(loops, tally));
    };
    counter("parley_received_bytes_total", "Bytes of WebSocket connections that came, inside TLS.",
            &Traffic::bytes_received);
    counter("parley_sent_bytes_total", "Bytes of WebSocket connections that went, inside TLS.",
            &Traffic::bytes_sent);
    counter("parley_connections_accepted_total", "Connections taken from the kernel.",
            &Traffic::accepted);
    text.family(MetricsText::Type::counter, "parley_tls_handshakes_total",
                "Handshakes of TLS that ended.");
    text.value("result=\"done\"", sum(loops, &Traffic::tls_handshakes));
    text.value("result=\"failed\"", sum(loops, &Traffic::tls_failures));
    counter("parley_upgrades_total", "Connections that became WebSockets.", &Traffic::upgrades);
    counter("parley_http_requests_total", "Other requests that were answered or refused.",
            &Traffic::http_requests);
}

}  // namespace parley::asio
