#include "sdk/core.h"

#include "adapters/sqlite/sqlite_store.h"
#include "base/crypto.h"
#include "base/try.h"
#include "protocol/token.h"
#include "sdk/folder.h"
#include "sdk/signals.h"
#include "sdk/times.h"
#include "sdk/token_request.h"
#include "wire/frames.h"

#include <system_error>
#include <utility>

namespace parley::sdk {
namespace {

// How long a token that the client signs itself is good for.
constexpr auto kOwnTokenLife = std::chrono::hours(1);

Error logged_out_error() {
    return make_error(ErrorCode::wrong_state, "the client was logged out; make a new one");
}

client::EngineOptions engine_options(const ClientOptions& options, bool supports_messaging) {
    client::EngineOptions result;
    result.application = ApplicationKey(options.application_key);
    result.user = UserId(options.user_id);
    if (!options.device_id.empty()) {
        result.device = DeviceId(options.device_id);
    }
    result.target.url = options.server;
    result.target.subprotocol = std::string(wire::kProtoSubprotocol);
    result.target.ca_file = options.ca_file;
    result.supports_messaging = supports_messaging;
    result.sdk = "parley-cpp/" + std::string(version());
    result.retry_window = options.retry_window;
    result.inbox_bytes = options.inbox_bytes;
    return result;
}

bool is_store_error(const Error& error) {
    return error.code == ErrorCode::store_failed || error.code == ErrorCode::store_full;
}

TokenReason public_reason(client::TokenReason reason) {
    switch (reason) {
        case client::TokenReason::missing:
            return TokenReason::missing;
        case client::TokenReason::ends_soon:
            return TokenReason::ends_soon;
        case client::TokenReason::refused:
            break;
    }
    return TokenReason::refused;
}

}  // namespace

Core::Core(ClientOptions options)
    : options_(std::move(options)),
      log_sink_(std::make_shared<LogAdapter>(options_.log, options_.log_from)),
      log_(*log_sink_),
      message_client_(*this),
      dialer_(loop_) {}

Core::~Core() = default;

Result<void> Core::open() {
    PARLEY_CHECK(make_folder(options_.store_folder));
    PARLEY_TRY(store_, sqlite::open_sqlite_store({options_.store_folder, {}}, log_));
    // Without messaging to begin with: set_support_messaging() makes another one.
    PARLEY_CHECK(make_engine(false));
    device_id_ = engine_->device().value();

    Callbacks::Hooks hooks;
    hooks.progress = [this] { post([this] { report_done(); }); };
    hooks.schedule = [this] { post([this] { run_on_executor(); }); };
    callbacks_ = std::make_shared<Callbacks>(options_.callbacks, std::move(hooks), log_sink_);

    const BlockedSignals blocked;
    try {
        thread_ = std::thread([this] {
            engine_thread_ = std::this_thread::get_id();
            loop_.run();
        });
        closed_ = false;
        callbacks_->start_thread();
    } catch (const std::system_error& refused) {
        shutdown();
        return unexpected(make_error(ErrorCode::wrong_state,
                                     std::string("a thread cannot be started: ") + refused.what()));
    }
    return {};
}

Result<void> Core::make_engine(bool supports_messaging) {
    engine_.reset();
    auto engine =
        std::make_unique<client::Engine>(engine_options(options_, supports_messaging), *store_,
                                         loop_, dialer_, wall_, entropy_, *this, log_);
    PARLEY_CHECK(engine->open());
    engine_ = std::move(engine);
    return {};
}

void Core::shutdown() {
    if (!thread_.joinable()) {
        return;
    }
    callbacks_->end();
    stop_engine();
    {
        const std::lock_guard lock(gate_);
        closed_ = true;
    }
    loop_.post([this] {
        // The marks of the last callbacks become durable at the end of this turn; then all that is
        // on the loop goes, so that any thread may free the rest.
        report_done();
        loop_.post([this] {
            answered_timer_.reset();
            engine_.reset();
            store_.reset();
            loop_.stop();
        });
    });
    thread_.join();
    stopping_.clear();
    waiting_.clear();
}

bool Core::on_engine_thread() const {
    return engine_thread_ == std::this_thread::get_id();
}

bool Core::post(Task task) {
    const std::lock_guard lock(gate_);
    if (closed_) {
        return false;
    }
    loop_.post(std::move(task));
    return true;
}

// Why a call got no answer from the engine.
Error Core::unavailable() const {
    if (on_engine_thread()) {
        return make_error(ErrorCode::wrong_state,
                          "a log callback, or an executor that runs a function before it returns, "
                          "called the SDK; neither may");
    }
    return logged_out_error();
}

// ---- Client

Result<void> Core::set_support_messaging(bool supported) {
    {
        const std::lock_guard lock(gate_);
        if (logged_out_) {
            return unexpected(logged_out_error());
        }
        if (supported == supports_messaging_) {
            return {};
        }
        if (settled_) {
            return unexpected(make_error(ErrorCode::wrong_state,
                                         "set_support_messaging must be called before "
                                         "message_client() and start()"));
        }
        supports_messaging_ = supported;
    }
    const auto made = ask([this, supported] { return make_engine(supported); });
    if (!made) {
        return unexpected(unavailable());
    }
    return *made;
}

Result<MessageClient*> Core::message_client() {
    const std::lock_guard lock(gate_);
    if (logged_out_) {
        return unexpected(logged_out_error());
    }
    if (!supports_messaging_) {
        return unexpected(make_error(ErrorCode::wrong_state,
                                     "messaging is not enabled (R15): call "
                                     "set_support_messaging(true) before message_client()"));
    }
    settled_ = true;
    return &message_client_;
}

Result<void> Core::start() {
    {
        const std::lock_guard lock(gate_);
        if (logged_out_) {
            return unexpected(logged_out_error());
        }
        settled_ = true;
    }
    callbacks_->resume();
    post([this] {
        if (engine_ == nullptr) {
            return;
        }
        // Not earlier: set_support_messaging() replaces the engine, and the next one gives the same
        // callbacks.
        fetching_ = true;
        engine_->start();
        fetch_callbacks();
    });
    return {};
}

void Core::terminate() {
    callbacks_->pause();
    stop_engine();
    started_ = false;
}

void Core::stop_engine() {
    if (on_engine_thread()) {
        return;
    }
    ask_later<bool>([this](Answer<bool> answer) {
        post([this, answer = std::move(answer)]() mutable {
            if (engine_ == nullptr) {
                return;
            }
            engine_->stop(client::Stop::now);
            // on_state() tells the end, unless there is nothing to end.
            if (engine_->state().phase != client::Phase::stopped) {
                stopping_.push_back(std::move(answer));
            }
        });
    });
}

bool Core::terminate_gracefully(std::chrono::milliseconds timeout) {
    const bool answered = wait_until_answered(timeout);
    terminate();
    return answered;
}

void Core::network_changed() {
    post([this] {
        if (engine_ != nullptr) {
            engine_->network_changed();
        }
    });
}

Result<void> Core::log_out() {
    {
        const std::lock_guard lock(gate_);
        if (logged_out_) {
            return unexpected(logged_out_error());
        }
        logged_out_ = true;
    }
    terminate();
    auto erased = ask([this]() -> Result<void> {
        engine_.reset();
        Result<void> result = store_->erase();
        store_.reset();
        return result;
    });
    if (!erased) {
        return unexpected(unavailable());
    }
    if (erased->has_value()) {
        remove_folder(options_.store_folder);
    }
    return *std::move(erased);
}

Connection Core::connection() {
    auto asked = ask([this] { return snapshot(); });
    return asked ? *std::move(asked) : Connection{};
}

Connection Core::snapshot() const {
    Connection result;
    if (engine_ == nullptr) {
        return result;
    }
    const client::ConnectionState state = engine_->state();
    switch (state.phase) {
        case client::Phase::stopped:
            break;
        case client::Phase::waiting_for_token:
        case client::Phase::connecting:
            result.state = ConnectionState::connecting;
            break;
        case client::Phase::waiting:
            result.state = ConnectionState::waiting;
            break;
        case client::Phase::connected:
            result.state = ConnectionState::connected;
            break;
    }
    if (result.state != ConnectionState::connected) {
        result.error = state.reason;
    }
    if (state.next_attempt) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(*state.next_attempt - loop_.now());
        result.next_attempt_in = std::max(left, std::chrono::milliseconds(0));
    }
    return result;
}

// ---- client::EngineObserver

void Core::on_started(const UserId&, const DeviceId&) {
    started_ = true;
    callbacks_->push_event(
        Callbacks::EventKind::other,
        [client = client_](ClientDelegate& delegate) { delegate.client_did_start(*client); });
}

void Core::on_state(const client::ConnectionState& state) {
    callbacks_->push_event(Callbacks::EventKind::connection,
                           [client = client_, now = snapshot()](ClientDelegate& delegate) {
                               delegate.connection_changed(*client, now);
                           });
    if (state.phase != client::Phase::stopped) {
        return;
    }
    for (Answer<bool>& answer : std::exchange(stopping_, {})) {
        answer(true);
    }
}

void Core::on_failed(const Error& error, client::Finality finality) {
    if (error.code == ErrorCode::replaced) {
        callbacks_->push_event(
            Callbacks::EventKind::other,
            [client = client_](ClientDelegate& delegate) { delegate.client_replaced(*client); });
        return;
    }
    // What passes by itself shows as the reason of the connection's state alone; so does a token
    // that the server refused, because another one is asked for.
    const bool needs_the_app =
        finality == client::Finality::final || is_store_error(error) || error == token_error_;
    if (!needs_the_app) {
        return;
    }
    callbacks_->push_event(Callbacks::EventKind::other,
                           [client = client_, error](ClientDelegate& delegate) {
                               delegate.client_did_fail(*client, error);
                           });
}

void Core::on_token_needed(client::TokenReason reason) {
    if (!options_.application_secret.empty()) {
        token_answered(sign_own_token());
        return;
    }
    TokenRequest request(
        std::make_shared<TokenRequest::State>(public_reason(reason), weak_from_this()));
    callbacks_->push_event(Callbacks::EventKind::token,
                           [client = client_, request](ClientDelegate& delegate) {
                               delegate.requires_token(*client, request);
                           });
}

Result<std::string> Core::sign_own_token() {
    TokenRequestOptions options;
    options.application_key = options_.application_key;
    options.application_secret = options_.application_secret;
    options.user_id = options_.user_id;
    options.issuer_prefix = options_.issuer_prefix;
    options.time_to_live = kOwnTokenLife;
    return sign_token(options);
}

void Core::token_answered(Result<std::string> token) {
    post([this, token = std::move(token)]() mutable {
        if (engine_ == nullptr) {
            return;
        }
        if (token) {
            token_error_.reset();
            engine_->set_token(*std::move(token));
        } else {
            token_error_ = token.error();
            engine_->token_refused(token.error());
        }
    });
}

void Core::on_inbox(client::InboxState state) {
    if (state != client::InboxState::full) {
        return;
    }
    callbacks_->push_event(
        Callbacks::EventKind::other,
        [client = client_](ClientDelegate& delegate) { delegate.inbox_full(*client); });
}

}  // namespace parley::sdk
