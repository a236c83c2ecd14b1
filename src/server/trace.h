#pragma once

#include "base/ids.h"
#include "mailbox/store.h"

#include <cstdint>
#include <optional>
#include <vector>

// Where is my message? Found out from what the mailboxes hold anyway: its sender's `sent` and
// `delivered`, its recipients' `incoming`, and the keys under which they were appended. Nothing is
// recorded for it, so nothing of it is on the way of a message (docs/operations/trace.md).
namespace parley::server {

// Where a search goes on: in this user's mailbox after this event, or with the next user if the
// sequence is 0.
struct TracePlace {
    ApplicationKey application;
    UserId user;
    Sequence sequence;
};

struct TraceQuery {
    MessageId message;
    std::vector<ApplicationKey> applications;  // to be searched, in this order
    std::optional<UserId> from;                // only what this user sent; else all mailboxes
    std::optional<TracePlace> place;           // of the answer before
};

struct TracedRecipient {
    UserId user;
    // In the recipient's mailbox; none: it is not there any more (retention, an erase).
    std::optional<mailbox::Found> incoming;
    WallTime accepted_at{};
    // In the sender's mailbox: the first device has it. None: it waits, if `incoming` is there.
    std::optional<mailbox::Found> delivered;
    std::vector<mailbox::DeviceSeen> devices;  // of one that waits
    bool unreadable = false;                   // what is missing may be there
};

struct Traced {
    ApplicationKey application;
    UserId sender;
    std::optional<DeviceId> device;      // that sent it
    std::optional<mailbox::Found> sent;  // in the sender's mailbox; the first of several
    std::vector<TracedRecipient> recipients;
};

// Of one step: found, or to be gone on with, or neither: it is nowhere.
struct TraceAnswer {
    std::optional<Traced> traced;
    std::optional<TracePlace> next;
    std::uint64_t mailboxes = 0;  // searched in this step
    std::uint64_t events = 0;
    std::uint64_t unreadable = 0;  // mailboxes that could not be read, to the end or at all
};

inline constexpr std::uint64_t kTraceEvents = 50'000;  // in a step, or so
inline constexpr std::uint64_t kTraceMailboxes = 5'000;

// One step of a search, by pages. On the loop of the store, which is better not one that carries
// messages: readings block it. A mailbox that cannot be read is counted and passed over. Errors:
// server_error (what mailboxes there are cannot be read).
void trace_step(mailbox::Store& store, TraceQuery query,
                mailbox::Store::Done<Result<TraceAnswer>> done);

}  // namespace parley::server
