#pragma once

#include "client/engine.h"

#include <cstdint>
#include <string>

namespace parley::sim {

// Names one installation for the checkers. Lives as long as the run.
struct DeviceTag {
    std::size_t index = 0;
    UserId user;
    DeviceId device;
    std::string host;  // in the network and in traces
    bool messaging = true;
};

// Hears what every app does and is told, and nothing from inside Parley: what a person with all the
// phones in hand could write down.
class Witness {
  public:
    virtual ~Witness() = default;
    // send() is called. A copy has `copy_of` set.
    virtual void on_send(const DeviceTag&, const client::OutgoingDraft&) {}
    virtual void on_send_returned(const DeviceTag&, const client::OutgoingDraft&,
                                  const Result<void>&) {}
    // A copy was made: this key is inherited, or none.
    virtual void on_copy(const DeviceTag&, const MessageId& /*original*/,
                         const std::optional<ChainKey>&) {}
    virtual void on_cancelled(const DeviceTag&, const MessageId&) {}
    // A callback begins.
    virtual void on_told(const DeviceTag&, const client::Callback&) {}
    // The process of the app started, for the first or another time; it ended, by itself or not.
    virtual void on_process_start(const DeviceTag&) {}
    virtual void on_process_end(const DeviceTag&, bool /*crashed*/) {}
};

}  // namespace parley::sim
