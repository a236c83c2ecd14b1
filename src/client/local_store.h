#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "parley/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// The port to what a device keeps on disk: the outbox, what it has been told, the callbacks that
// are due, the cursor.
namespace parley::client {

// A callback recorded in the local store. Given in order, never twice.
using CallbackId = StrongId<struct CallbackIdTag, std::uint64_t>;
// An outbox entry's place in the order of send_message (R6).
using Order = StrongId<struct OrderTag, std::uint64_t>;

struct Message {
    MessageId id;
    ChainKey key;  // of an outgoing message: its own id, or the inherited key (R11)
    UserId sender;
    std::vector<UserId> recipients;  // distinct, in the order given
    std::string text;
    std::map<std::string, std::string> headers;
    std::int64_t created_at_ms = 0;   // sender's clock
    std::int64_t accepted_at_ms = 0;  // server's clock; 0: not known to be accepted
    friend bool operator==(const Message&, const Message&) = default;
};

// ---- callbacks that are due

struct RecipientFailure {
    UserId recipient;
    Error error;
    friend bool operator==(const RecipientFailure&, const RecipientFailure&) = default;
};
struct IncomingDue {
    Message message;
    friend bool operator==(const IncomingDue&, const IncomingDue&) = default;
};
struct SentDue {
    Message message;  // accepted_at_ms is this recipient's
    UserId recipient;
    friend bool operator==(const SentDue&, const SentDue&) = default;
};
struct DeliveredDue {
    MessageId message;
    UserId recipient;
    std::int64_t delivered_at_ms = 0;
    friend bool operator==(const DeliveredDue&, const DeliveredDue&) = default;
};
// All recipients that failed at one moment (R4).
struct FailedDue {
    Message message;
    std::vector<RecipientFailure> failures;
    friend bool operator==(const FailedDue&, const FailedDue&) = default;
};
struct Callback {
    CallbackId id;
    std::variant<IncomingDue, SentDue, DeliveredDue, FailedDue> due;
    friend bool operator==(const Callback&, const Callback&) = default;
};

// ---- what one turn brings

// Two clocks of the engine. `elapsed_ms` only grows: monotonic while the process runs, plus the
// wall clock's difference over restarts (R9). `server_ms` is the server's clock as far as it is
// known.
struct StoreClock {
    std::int64_t elapsed_ms = 0;
    std::int64_t wall_ms = 0;
    std::optional<std::int64_t> server_ms;
};

struct Draft {
    Message message;  // recipients distinct, limits checked
    bool submit_now =
        false;  // leaves in this turn: marked as submitted in the same transaction (R25)
    // An inherited key that the chain has outgrown (R11), by the server's clock: submitted first at
    // or before this. The draft then starts a new chain.
    std::optional<std::int64_t> chain_void_before_ms;
};
// A server's answer for one recipient; `error` absent: accepted. Retryable errors leave the
// recipient open.
struct RecipientAnswer {
    UserId recipient;
    std::optional<Error> error;
    std::int64_t accepted_at_ms = 0;
};
struct Answer {
    MessageId message;
    std::vector<RecipientAnswer> recipients;
    std::optional<Error> error;  // the whole message was refused: stands for each open recipient
};
// Fails all recipients of an entry that are still open.
struct EntryFailure {
    MessageId message;
    Error error;
};

struct IncomingEvent {
    Message message;
};
struct SentEvent {
    Message message;  // text and headers may be missing for a message of this device
    struct Accepted {
        UserId recipient;
        std::int64_t accepted_at_ms = 0;
    };
    std::vector<Accepted> accepted;
};
struct DeliveredEvent {
    ChainKey key;
    UserId recipient;
    std::int64_t accepted_at_ms = 0;
};
struct StoredEvent {
    std::int64_t at_ms = 0;
    std::variant<IncomingEvent, SentEvent, DeliveredEvent> kind;
};

// When a turn survives a loss of power. The end of the process it survives in each case.
enum class Durable {
    now,   // before commit() returns
    soon,  // with the next turn that is `now`, an empty one too; never after a later one
};

// All that one turn of the loop has to make durable, applied in the order of the members.
struct Turn {
    StoreClock clock;
    Durable durable = Durable::now;
    std::vector<CallbackId> done;  // callbacks that returned; unknown ones are ignored
    std::vector<Draft> drafts;     // in the order of send_message
    std::vector<Answer> answers;   // in order
    std::vector<EntryFailure> failures;
    std::vector<Order> submitted;     // entries whose first frame leaves after this commit
    std::vector<StoredEvent> events;  // in order
    std::optional<Cursor> cursor;     // all of this mailbox up to here is recorded with this turn
};

struct DraftOutcome {
    std::optional<Error>
        error;  // message_stale: an entry of this id exists; nothing was kept of this draft
    Order order;
    ChainKey key;              // the one it has now
    std::vector<UserId> open;  // recipients to be submitted; empty: all were known to be accepted
};
struct TurnOutcome {
    std::vector<DraftOutcome> drafts;  // one per draft
    bool callbacks_added = false;
};

// ---- what is read

// What a store knows when it is opened.
struct StoreFacts {
    DeviceId device;
    std::optional<Cursor> cursor;
    Limits limits;                // the last ones told by a server
    std::int64_t elapsed_ms = 0;  // when last written
    std::int64_t wall_ms = 0;     // at that moment
    std::optional<std::int64_t>
        server_offset_ms;  // server's clock less elapsed_ms, at the last Welcome
};

// An entry of the outbox: a message with recipients that are still open.
struct Entry {
    Order order;
    Message message;
    std::vector<UserId> open;
    std::int64_t queued_elapsed_ms = 0;
    std::int64_t queued_wall_ms = 0;
    std::optional<std::int64_t> submitted_ms;        // server's clock
    std::optional<std::int64_t> chain_submitted_ms;  // of the first submission of the chain
};

// What decides whether a copy inherits the key (R11).
struct CopyFacts {
    ChainKey key;
    bool all_accepted = false;
    std::optional<std::int64_t> chain_submitted_ms;
};

struct Binding {
    ApplicationKey application;
    UserId user;
    std::optional<DeviceId> device;  // the one that must be; absent: the store's own
    DeviceId fresh_device;           // for a new store when `device` is absent
    std::int64_t wall_ms = 0;
};

// Entries are over whose time in the outbox reached the window, or that were first submitted this
// long ago.
struct ExpiryLimit {
    std::int64_t queued_before_elapsed_ms = 0;
    std::optional<std::int64_t> submitted_before_ms;  // server's clock
};

struct PruneLimit {
    std::int64_t server_ms = 0;
    std::int64_t retention_ms = 0;
    std::size_t rows = 500;  // per kind and call
};

// What a device keeps, over restarts and crashes. Synchronous: each call is one transaction; when
// it returns without an error its effect is durable (as Turn::durable says), with an
// error nothing of it is kept. Errors: store_failed, store_full, store_foreign. One thread. The
// rules about chains and told states (R4, R5, R8, R11, R12) are kept here, where their facts are.
class LocalStore {
  public:
    virtual ~LocalStore() = default;

    // First call. Makes a new store this device's, or checks that it is. Errors: store_foreign.
    virtual Result<StoreFacts> bind(const Binding& binding) = 0;

    virtual Result<TurnOutcome> commit(const Turn& turn) = 0;
    // A session was opened. Without `keep_cursor` the cursor is void and forgotten (R19). Durable
    // soon: what a loss of power takes the next Welcome says again.
    virtual Result<void> welcomed(const Limits& limits, const StoreClock& clock,
                                  bool keep_cursor) = 0;
    // True: cancelled. False: it was submitted already, or is not in the outbox (R25).
    virtual Result<bool> cancel(const MessageId& message, const StoreClock& clock) = 0;
    // Forgets what is older than the retention, a few rows a call (R8). True: there may be more.
    // Durable soon.
    virtual Result<bool> prune(const PruneLimit& limit) = 0;
    // Forgets everything and removes the files: log out. Every later call fails.
    virtual Result<void> erase() = 0;

    // Entries after `after`, in order, at most `count`, and no more than `bytes` of text and
    // headers (one always fits).
    virtual Result<std::vector<Entry>> entries(Order after, std::size_t count,
                                               std::size_t bytes) = 0;
    virtual Result<std::vector<MessageId>> expired(const ExpiryLimit& limit, std::size_t count) = 0;
    // The smallest Entry::queued_elapsed_ms of the outbox; none: the outbox is empty.
    virtual Result<std::optional<std::int64_t>> oldest_entry() = 0;
    // Callbacks due after `after`, in order, at most `count`, and no more than `bytes` (one always
    // fits).
    virtual Result<std::vector<Callback>> callbacks(CallbackId after, std::size_t count,
                                                    std::size_t bytes) = 0;
    // Nothing: not an outgoing message of this device, or pruned.
    virtual Result<std::optional<CopyFacts>> copy_facts(const MessageId& message) = 0;
    // Bytes of events whose callbacks are due: what kInboxBytes bounds.
    virtual std::uint64_t unread_bytes() const = 0;
};

}  // namespace parley::client
