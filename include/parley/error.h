#pragma once

#include "parley/export.h"

#include <string>
#include <string_view>

namespace parley {

// Where an error comes from. The names that the original SDK gave them stand in
// error_domain_name().
enum class ErrorDomain {
    network,     // the connection, the server's state, time: a message that failed so may be sent
                 // again as a copy
    capability,  // what a user may or can do: final
    session,     // the session of this client; never the error of a message
    other,       // everything else: limits, arguments, the local store
};

// Every error that Parley reports. Values below 6000 travel over the wire (spec/wire.md); those
// from 6000 on are made by the SDK on the device and never leave it. A code exists only where some
// caller would react differently.
enum class ErrorCode : int {
    connection_refused = 1000,    // connection refused or lost
    timed_out = 1001,             // timed out; also: the retry window has ended
    server_error = 1002,          // server error, store unavailable, overloaded, disk full
    recipient_unknown = 2000,     // no such user
    no_messaging = 2001,          // the recipient has no instant messaging
    not_authenticated = 2002,     // token refused or ended
    replaced = 3001,              // a newer session of this device took over
    draining = 3002,              // the server is going down: reconnect
    too_many_sessions = 3003,     // too many sessions at once for this user
    mailbox_reset = 3004,         // the mailbox was reset: reconnect
    protocol_violation = 3400,    // one side broke the protocol
    invalid_argument = 4000,      // which field, which limit, what was found: see the description
    over_quota = 4130,            // the recipient's mailbox is over its quota
    too_many_connections = 4290,  // connection attempts come too fast
    refused_by_policy = 5000,     // a disabled user, for instance
    store_failed = 6000,   // the local store cannot be read or written (the description says which
                           // file and why)
    store_in_use = 6001,   // the local store is open in another process or client
    store_full = 6002,     // no room on the device's disk: nothing of the call was kept
    store_foreign = 6003,  // the local store belongs to another application, user or device, or to
                           // a newer version
    message_stale = 6004,  // this message object was sent before: make a copy of it
    too_late = 6005,       // cancel: the message was submitted already, or is not in the outbox
    wrong_state =
        6006,  // the call does not fit the client's state (messaging not enabled, terminated, ...)
};

// An error, for people and programs. A value type.
struct Error {
    ErrorDomain domain = ErrorDomain::other;
    ErrorCode code = ErrorCode::store_failed;
    // One sentence for a developer: what was wrong, where, what was found, what to do. Never empty.
    std::string description;
    // The same request may succeed later without a change by the app. In a failure info always
    // false: the SDK has done all the retrying there is.
    bool retryable = false;

    friend bool operator==(const Error&, const Error&) = default;
};

// Makes an error with the domain and retryability that belong to the code (spec/wire.md, "Errors").
PARLEY_EXPORT Error make_error(ErrorCode code, std::string description);

// "network", "capability", "session", "other": as on the wire and in logs.
PARLEY_EXPORT std::string_view to_string(ErrorDomain domain);
// "SINErrorDomainNetwork", "SINErrorDomainCapability", "SINErrorDomainOther" as the original
// published them, and "SINErrorDomainSession" beside them.
PARLEY_EXPORT std::string_view error_domain_name(ErrorDomain domain);

}  // namespace parley
