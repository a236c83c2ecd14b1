#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/task.h"
#include "base/time.h"
#include "client/local_store.h"
#include "io/clock.h"
#include "io/dialer.h"
#include "io/entropy.h"
#include "io/loop.h"
#include "parley/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::client {

struct EngineOptions {
    ApplicationKey application;
    UserId user;
    std::optional<DeviceId> device;  // absent: the store's own; a new store gets a random one
    io::DialTarget target;           // subprotocol: wire::kProtoSubprotocol
    bool supports_messaging = true;  // R15
    std::string sdk = "parley-cpp";  // Hello.sdk
    // How long an entry is retried; what a server says counts if it is less (R9).
    std::chrono::milliseconds retry_window = std::chrono::hours(12);
    std::uint64_t inbox_bytes = kInboxBytes;
};

struct OutgoingDraft {
    MessageId id;                    // UUIDv7 made with the object; never used before
    std::vector<UserId> recipients;  // repeated ones are collapsed
    std::string text;
    std::map<std::string, std::string> headers;
    std::int64_t created_at_ms = 0;
    // A copy: the key that copy_key() gave when the copy was made; or, where nobody could be asked
    // then, the message that it is a copy of, and the question is answered now.
    std::optional<ChainKey> key;
    std::optional<MessageId> copy_of;
};

enum class Phase {
    stopped,  // start() was not called, stop() has finished, or a final error: start() begins again
    waiting_for_token,  // set_token() goes on
    waiting,            // for the next attempt
    connecting,
    connected,
};

struct ConnectionState {
    Phase phase = Phase::stopped;
    std::optional<Instant> next_attempt;  // while waiting
    std::optional<Error> reason;          // why the session before ended, or could not be had
};

enum class TokenReason {
    missing,    // there was none yet
    ends_soon,  // the session goes on till the end of the old one
    refused,    // the server refused it, or it has ended
};

enum class Finality { retrying, final };
enum class InboxState { has_room, full };
enum class Stop {
    now,         // what is unanswered stays in the outbox
    gracefully,  // while the session lasts, what is in the outbox goes out and is answered first
};

// Hears what happens. Called on the engine's loop, never from within a call to the engine. May call
// the engine, may not destroy it.
class EngineObserver {
  public:
    virtual ~EngineObserver() = default;
    // The first session since start() was opened.
    virtual void on_started(const UserId& user, const DeviceId& device) = 0;
    virtual void on_state(const ConnectionState& state) = 0;
    // Why a session can't be had or ended: said once until the reason changes or a session is
    // opened. `final`: the engine does not try again by itself (replaced, R24; refused for good; a
    // URL that can never work).
    virtual void on_failed(const Error& error, Finality finality) = 0;
    // Answer with set_token() or token_refused(), at once or later. Not asked again before that.
    virtual void on_token_needed(TokenReason reason) = 0;
    // There may be callbacks that were not taken yet: next_callbacks() until it gives none.
    virtual void on_callbacks_due() = 0;
    // The app leaves more unread than EngineOptions::inbox_bytes: nothing is recorded or
    // acknowledged until there is room.
    virtual void on_inbox(InboxState state) = 0;
};

// The engine of the SDK for one device of one user: takes messages into the outbox, keeps a
// session, submits, records what comes, and says which callbacks are due. Core code: the world
// comes through the ports, which outlive it. Everything on one loop. What a turn produces is made
// durable in one transaction at its end, and only then said or sent (R1).
//
//   open() -> start() -> ... -> stop() -> destroyed
//
// Destroying it drops the connection at once; what was not durable yet is as if it had not
// happened, pending `done`s are not called.
class Engine {
  public:
    using SendDone = UniqueFunction<void(Result<void>)>;

    Engine(EngineOptions options, LocalStore& store, io::Loop& loop, io::Dialer& dialer,
           io::WallClock& wall, io::Entropy& entropy, EngineObserver& observer, Logger log);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Binds the store to this application, user and device. Once, before anything else. Errors:
    // store_*, invalid_argument.
    Result<DeviceId> open();
    const DeviceId& device() const;

    // Keeps a session from now on. Also after a final error or stop(). While started: no effect.
    void start();
    // on_state(stopped) tells the end of it. Sends are refused from now on (until start()). Again
    // with `now`: no more waiting.
    void stop(Stop how);
    // The credentials for this and later sessions; while connected the session goes on with it.
    void set_token(std::string token);
    // No token to be had now: asked again later, with backoff.
    void token_refused(const Error& error);
    // Tries at once if it waits; looks whether a session is still alive.
    void network_changed();

    // Takes a message into the outbox: `done` runs when it is durable, or with why it is not there:
    // invalid_argument, message_stale, wrong_state (no messaging, stopped), store_full,
    // store_failed. Before start() messages wait.
    void send(OutgoingDraft draft, SendDone done);
    // The key that a copy made now inherits; nothing: it starts a new chain (R11).
    Result<std::optional<ChainKey>> copy_key(const MessageId& original);
    // Errors: too_late (R25), store_*.
    Result<void> cancel(const MessageId& message);
    // What waits, in order, after an entry (Order{} for the start); at most `count`.
    Result<std::vector<Entry>> outbox(Order after, std::size_t count);
    // How long an entry is still retried.
    std::chrono::milliseconds time_left(const Entry& entry) const;

    // The next callbacks that were not taken yet, in order; none: on_callbacks_due() will tell.
    Result<std::vector<Callback>> next_callbacks(std::size_t count);
    // It has returned. Marks are made durable in batches: after a crash in between the callback
    // comes again (R8).
    void callback_done(CallbackId id);

    ConnectionState state() const;
    // The limits last told by a server, or the defaults.
    const Limits& limits() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::client
