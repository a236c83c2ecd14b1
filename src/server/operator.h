#pragma once

#include "base/ids.h"
#include "base/time.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

// What an operator sees of the sessions, and names them by.
namespace parley::server {

// Sessions of an application: all, those of a user, or that of a user's device.
struct SessionFilter {
    ApplicationKey application;
    std::optional<UserId> user = {};
    std::optional<DeviceId> device = {};
};

struct SessionReport {
    UserId user;
    DeviceId device;
    WallTime since{};    // of its Welcome, by the store's clock
    WallTime ends_at{};  // with its token, without the grace
    std::string address;
    std::string subprotocol;
    bool messaging = false;
    std::size_t unacknowledged_events = 0;
    std::size_t unacknowledged_bytes = 0;
    bool held_by_rate = false;  // not read further for now: it sends faster than it may
};

struct SessionList {
    std::vector<SessionReport> sessions;  // sorted by user and device
    std::size_t total = 0;                // also those that were left out
};

}  // namespace parley::server
