#pragma once

#include "adapters/asio/clock.h"
#include "adapters/asio/dialer.h"
#include "adapters/asio/entropy.h"
#include "adapters/asio/loop.h"
#include "client/engine.h"
#include "parley/client.h"
#include "sdk/ask.h"
#include "sdk/callbacks.h"
#include "sdk/log_adapter.h"
#include "sdk/message_state.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace parley::sdk {

// What stands behind a Client: the engine on a thread of its own, and the callbacks. Public calls
// come on any thread and go to the engine's thread by post(); where they have a result they wait
// for it. The engine's thread never waits for the app, so that waiting for it is safe also inside
// callbacks.
//
// The Client owns it and calls shutdown() last; messages and token requests hold it weakly, and may
// be the ones that free it afterwards.
class Core final : public ChainSource,
                   public client::EngineObserver,
                   public std::enable_shared_from_this<Core> {
  public:
    // `options` are checked and complete (store_folder is set).
    explicit Core(ClientOptions options);
    ~Core() override;

    // Opens the store, then starts the threads. Errors as Client::create().
    Result<void> open();
    // What delegates get; set once before start().
    void set_client(Client& client) { client_ = &client; }
    // Ends everything; the last call.
    void shutdown();

    // ---- Client
    Result<void> set_support_messaging(bool supported);
    Result<MessageClient*> message_client();
    Result<void> start();
    void terminate();
    bool terminate_gracefully(std::chrono::milliseconds timeout);
    void network_changed();
    Result<void> log_out();
    bool is_started() const { return started_; }
    Connection connection();
    Callbacks& callbacks() { return *callbacks_; }
    const ClientOptions& options() const { return options_; }
    const std::string& device_id() const { return device_id_; }

    // ---- MessageClient
    Result<void> send_message(const OutgoingMessage& message);
    Result<std::vector<OutboxEntry>> outbox(std::size_t first);
    Result<void> cancel(std::string_view message_id);
    MessageLimits limits();

    // ---- messages and token requests
    std::optional<std::string> chain_for_copy_of(const std::string& message_id) override;
    void token_answered(Result<std::string> token);

  private:
    // client::EngineObserver, on the engine's thread.
    void on_started(const UserId& user, const DeviceId& device) override;
    void on_state(const client::ConnectionState& state) override;
    void on_failed(const Error& error, client::Finality finality) override;
    void on_token_needed(client::TokenReason reason) override;
    void on_callbacks_due() override;
    void on_inbox(client::InboxState state) override;

    // Runs the task on the engine's thread; false (and not run) once that has ended.
    bool post(Task task);
    // Runs it there and waits for its result; nothing if it cannot be had: the thread has ended, or
    // this is that thread (a log callback).
    template <typename F>
    auto ask(F function) -> std::optional<decltype(function())> {
        if (on_engine_thread()) {
            return std::nullopt;
        }
        return sdk::ask([this](Task task) { post(std::move(task)); }, std::move(function));
    }
    bool on_engine_thread() const;

    Result<void> make_engine(bool supports_messaging);
    void fetch_callbacks();
    void push_callback(client::Callback callback);
    void report_done();
    void run_on_executor();
    void stop_engine();
    bool wait_until_answered(std::chrono::milliseconds timeout);
    void check_answered();
    Message make_message(client::Message message);
    OutboxEntry make_entry(client::Entry entry) const;
    Connection snapshot() const;
    Error unavailable() const;
    Result<std::string> sign_own_token();

    const ClientOptions options_;
    Client* client_ = nullptr;
    // Shared with the callbacks, which may be the last to speak.
    const std::shared_ptr<LogAdapter> log_sink_;
    Logger log_;
    std::string device_id_;
    std::shared_ptr<Callbacks> callbacks_;
    MessageClient message_client_;
    std::atomic<bool> started_ = false;

    // The engine's thread, in the order of dependence: each uses those above it. Touched on that
    // thread alone, and before it runs.
    asio::AsioLoop loop_;
    asio::SystemWallClock wall_;
    asio::SystemEntropy entropy_;
    asio::AsioDialer dialer_;
    std::unique_ptr<client::LocalStore> store_;
    std::unique_ptr<client::Engine> engine_;
    // Who waits for the engine's stop, and who for an empty outbox.
    std::vector<Answer<bool>> stopping_;
    struct Waiting {
        Instant until;
        Answer<bool> answer;
    };
    std::vector<Waiting> waiting_;
    io::Timer answered_timer_;
    // start() was called once.
    bool fetching_ = false;
    // Why there is no token, while the app has none.
    std::optional<Error> token_error_;
    std::thread thread_;
    std::atomic<std::thread::id> engine_thread_{};

    // Guards the four below, and orders posts against the end of the thread
    // (docs/internals/locks.md).
    mutable std::mutex gate_;
    bool closed_ = true;
    bool supports_messaging_ = false;
    bool settled_ = false;  // set_support_messaging() comes too late
    bool logged_out_ = false;
};

}  // namespace parley::sdk
