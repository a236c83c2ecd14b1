#pragma once

#include "adapters/asio/admission.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/tls_server.h"
#include "mailbox/log_store.h"
#include "process_numbers.h"
#include "server/node.h"
#include "server/pulse.h"
#include "stderr_log.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::parleyd {

// What a server tells of itself beyond what its node counts: whether its loops turn, and the
// numbers of store, network and process. Made when all of these stand and before they run;
// destroyed when they have stopped.
class Watching {
  public:
    struct Parts {
        asio::AsioLoop* store_loop = nullptr;
        std::vector<asio::AsioLoop*> loops;  // of connections
        asio::AsioLoop* background = nullptr;
        mailbox::LogStore* store = nullptr;
        const StderrLog* log = nullptr;
        const asio::Admission* admission = nullptr;  // of the public address
        const asio::TlsServer* tls = nullptr;        // may be null
    };
    explicit Watching(Parts parts);

    server::Probes probes();

  private:
    std::optional<std::string> unhealthy(Instant now) const;
    void write(MetricsText& text, Instant now) const;
    void write_loops(MetricsText& text, Instant now) const;
    // Again and again, on the background loop.
    void ask_numbers();

    const Parts parts_;
    struct Felt {
        std::string name;
        std::unique_ptr<server::Pulse> pulse;
    };
    std::vector<Felt> pulses_;
    ProcessNumbers process_;
    io::Timer timer_;
};

}  // namespace parley::parleyd
