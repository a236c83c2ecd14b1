#pragma once

#include "parley/export.h"
#include "parley/log.h"
#include "parley/message_client.h"
#include "parley/result.h"
#include "parley/token.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

class Client;

// The version of the SDK, "1.2.3".
PARLEY_EXPORT std::string_view version();

// Where a client's local store is when ClientOptions::store_folder is empty:
// $XDG_DATA_HOME/parley/APPLICATION/USER, without that variable
// ~/.local/share/parley/... Both names are percent-encoded, dots too, so that no id can leave the
// folder or share one; long ones are cut and completed by their SHA-256. Errors: store_failed if
// the environment names no home.
PARLEY_EXPORT Result<std::string> default_store_folder(std::string_view application_key,
                                                       std::string_view user_id);

// Where callbacks run. In each case they come one at a time, in order.
enum class CallbackMode {
    own_thread,  // on a thread of the SDK that does nothing else
    executor,    // through ClientOptions::executor
    poll,        // inside Client::poll(), on the thread that calls it
};

// Runs the given function once, later, on any thread of the app's choice; never before it returns.
// It is called from the SDK's threads. Functions that are dropped, or run after the client has
// gone, do no harm, but dropping one stops the callbacks.
using Executor = std::function<void(std::function<void()>)>;

// What a client is made from. Only application_key and user_id have no default.
struct ClientOptions {
    std::string application_key;  // 1 to 64 characters of A-Z a-z 0-9 - _
    std::string user_id;          // 1 to 255 bytes, printable ASCII without space

    // Set: the client signs its own tokens. For development, since whoever has the app then has the
    // secret. Empty: the delegate is asked (ClientDelegate::requires_token).
    std::string application_secret;
    std::string issuer_prefix = std::string(kDefaultIssuerPrefix);  // of the tokens

    std::string server = "ws://127.0.0.1:7700";  // ws://HOST[:PORT] or wss://HOST[:PORT]
    std::string ca_file;                         // PEM, for wss; empty: the system's certificates

    // The local store: the outbox, what is known of messages, the device's place in its mailbox. A
    // folder of its own (made with mode 0700), which belongs to one (application, user, device) and
    // can be open once at a time. Two folders are two devices. Empty: default_store_folder().
    std::string store_folder;
    // 1 to 64 URL-safe characters. Empty: the one that the store has, or a new one.
    std::string device_id;

    // How long a message is retried before it fails; the server may say less.
    std::chrono::milliseconds retry_window = std::chrono::hours(12);
    // How much unread incoming (not yet told to a delegate) is kept. Beyond it nothing more is
    // fetched, until there is room; the server keeps it.
    std::uint64_t inbox_bytes = 256ull * 1024 * 1024;
    // True: incoming messages are fetched and confirmed, but not told; they stay in the local
    // store, unread, for a later client of this store. For a program that only sends.
    bool keep_incoming = false;

    CallbackMode callbacks = CallbackMode::own_thread;
    Executor executor;  // with CallbackMode::executor

    LogCallback log;  // empty: no log
    LogSeverity log_from = LogSeverity::info;
};

// Why a token is asked for.
enum class TokenReason {
    missing,    // there was none yet
    ends_soon,  // the session goes on until the present one ends
    refused,    // the server refused the last one, or it has ended
};

// One request for a token. A handle that may be copied and kept and answered now or later, once,
// from any thread, also after the client has gone; then the answer has no effect. Destroying it
// unanswered counts as failing.
class PARLEY_EXPORT TokenRequest {
  public:
    TokenReason reason() const;
    // Here is a token that your backend signed for this client's user (sign_token there). When the
    // server refuses it, the client asks once more, with TokenReason::refused.
    void answer(std::string token) const;
    // There is none now. client_did_fail tells `error`, once for the same error in a row, and the
    // client asks again after a while (0.5 s to 60 s). For "never again" call Client::terminate().
    void fail(Error error) const;

    struct State;
    explicit TokenRequest(std::shared_ptr<State> state);
    TokenRequest(const TokenRequest&);
    TokenRequest& operator=(const TokenRequest&);
    ~TokenRequest();

  private:
    std::shared_ptr<State> state_;
};

enum class ConnectionState {
    stopped,     // before start(), after terminate(), and after an error that ends trying
    connecting,  // an attempt is under way (or waits for a token)
    connected,   // a session is open
    waiting,     // the last attempt failed or the connection was lost: tries again by itself
};

// A snapshot of a client's connection.
struct Connection {
    ConnectionState state = ConnectionState::stopped;
    // While waiting or stopped: why; nothing if nothing went wrong.
    std::optional<Error> error;
    // While waiting: how long until the next attempt, from the moment of the snapshot.
    std::optional<std::chrono::milliseconds> next_attempt_in;
};

// Hears what happens to the client. Implemented by the app; all but the first two may be left out.
// (The original: SINClientDelegate.)
//
// Calls come on the callback thread, one at a time together with those of MessageClientDelegate;
// every function of the SDK may be called inside, also Client's destructor. Exceptions are caught
// and logged. What happens while no delegate is set is not told later (Client::connection() tells
// the state), except requires_token, which waits for one.
class PARLEY_EXPORT ClientDelegate {
  public:
    virtual ~ClientDelegate();

    // The first session since start() is open. Later losses and returns of the connection come as
    // connection_changed alone.
    virtual void client_did_start(Client& client) = 0;

    // No session can be had until the app does something. Either trying has ended, and start()
    // begins again (then client.connection().state is `stopped`): the server refused this client
    // for good (not_authenticated twice in a row, too_many_sessions, protocol_violation,
    // refused_by_policy), or an option can never work (invalid_argument: server, ca_file). Or the
    // client goes on trying: a TokenRequest was answered with an error (this one), or the local
    // store cannot be written (store_failed, store_full). Messages stay in the outbox in each case.
    // What passes by itself, such as an unreachable server, is not told here.
    virtual void client_did_fail(Client& client, const Error& error) = 0;

    // The connection's state is another, or the reason why there is none. `connection.error` tells
    // a server that does not answer, one that is not a Parley server and a certificate that does
    // not fit apart.
    virtual void connection_changed(Client& client, const Connection& connection);

    // Another session of this same device took over (a copied store, or the app running twice).
    // This client is stopped and does not come back by itself, so that the two do not throw each
    // other out for ever; start() takes the session back.
    virtual void client_replaced(Client& client);

    // The client needs a token: at its start, before the present one ends, and when the server has
    // refused the last one. Asked only if there is no application_secret. The default answers with
    // an error.
    virtual void requires_token(Client& client, TokenRequest request);

    // Unread incoming has reached ClientOptions::inbox_bytes: nothing more comes in until a
    // MessageClientDelegate has been told some of it.
    virtual void inbox_full(Client& client);
};

// One device of one user: its session with the server, its local store, and through
// message_client() its messages. (The original: SINClient.)
//
// Functions may be called from any thread and inside callbacks; a log callback must not call any.
// The client owns two threads: one for network and disk, one for callbacks (the latter in
// CallbackMode::own_thread alone).
class PARLEY_EXPORT Client {
  public:
    // Checks the options and opens the local store; connects to nothing. Waits for the disk.
    // Errors: invalid_argument (which option, what was found), store_in_use (another process or
    // client has this store open: give a second device a folder of its own), store_foreign (it
    // belongs to another application, user or device, or a newer version of the SDK wrote it),
    // store_failed (it cannot be opened, or is damaged: the description names the file),
    // store_full, wrong_state (the system has no thread or descriptor left).
    static Result<std::unique_ptr<Client>> create(ClientOptions options);

    // Ends everything: the connection is dropped, what is in the outbox stays there for the next
    // client of this store, and what was not told yet is told by that one. Waits for a callback
    // that runs on another thread, so hold no lock that a delegate takes; afterwards no callback
    // runs or follows. May be called inside a callback: then it does not wait for that one, which
    // counts as done and must not touch the client after this.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Sets who hears about the client; nullptr: nobody. The lifetime is as with
    // MessageClient::set_delegate.
    void set_delegate(ClientDelegate* delegate);

    // Messaging is off by default: then message_client() is an error, and this device gets and
    // confirms no messages. To be called before message_client() and start(), later calls are
    // wrong_state. A user who has enabled it once, on any device, can be written to.
    Result<void> set_support_messaging(bool supported);

    // The message client; never null, owned by this client, always the same. Errors: wrong_state if
    // messaging is not enabled, or after log_out().
    Result<MessageClient*> message_client();

    // Begins to connect, and keeps connected from then on. Returns at once; client_did_start or
    // client_did_fail follows. Has no effect while started, except after an error that ended
    // trying, where it tries anew. Errors: wrong_state after log_out().
    Result<void> start();
    // True from client_did_start to terminate(), whether the connection stands at the moment or
    // not.
    bool is_started() const;
    Connection connection() const;

    // Ends the session. The outbox and what was not told yet stay in the local store; until start()
    // goes on with them send_message is wrong_state. When this returns no callback runs or follows
    // (inside a callback: but the one that runs).
    void terminate();
    // Gives the outbox up to `timeout` to be answered, then terminates. True if every message was
    // answered (sent or failed) for all its recipients. Waits that long at most; callbacks come
    // meanwhile, unless it is called inside one.
    bool terminate_gracefully(std::chrono::milliseconds timeout);

    // Tells that the network came back or is another: the client tries at once instead of waiting,
    // and checks whether its connection still lives. Worth calling from the platform's reachability
    // notice; never necessary.
    void network_changed();

    // Terminates and erases the local store: outbox, keys and place in the mailbox; this device is
    // forgotten. The server's mailbox is not touched: a new client for this user is a new device,
    // which gets the whole history. Afterwards this client can only be destroyed. Errors:
    // store_failed with the file that could not be erased; what could be is gone.
    Result<void> log_out();

    // Runs callbacks that are due on the calling thread and returns how many; with
    // CallbackMode::poll alone (else 0). Waits up to `wait` for the first. Runs about 100 at most,
    // so that a frame of a game stays short; call it until it returns 0. Returns 0 at once inside a
    // callback, or while another thread is in poll().
    std::size_t poll(std::chrono::milliseconds wait = std::chrono::milliseconds(0));

    const std::string& application_key() const;
    const std::string& user_id() const;
    // This device's id, made when its store was made.
    const std::string& device_id() const;
    const std::string& store_folder() const;

  private:
    explicit Client(std::shared_ptr<sdk::Core> core);
    std::shared_ptr<sdk::Core> core_;
};

}  // namespace parley
