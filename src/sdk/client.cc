#include "parley/client.h"

#include "base/try.h"
#include "io/dialer.h"
#include "protocol/token.h"
#include "sdk/core.h"
#include "sdk/token_request.h"
#include "wire/frames.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>

namespace parley {
namespace {

Error invalid(std::string description) {
    return make_error(ErrorCode::invalid_argument, std::move(description));
}

Result<void> check_identity(const ClientOptions& options) {
    if (!wire::is_identifier(options.application_key)) {
        return unexpected(
            invalid("application_key: must be 1 to 64 characters of A-Z a-z 0-9 - _, found " +
                    std::to_string(options.application_key.size()) + " bytes"));
    }
    if (!wire::is_user_id(options.user_id)) {
        return unexpected(
            invalid("user_id: must be 1 to 255 printable ASCII characters without space, found " +
                    std::to_string(options.user_id.size()) + " bytes"));
    }
    if (!options.device_id.empty() && !wire::is_identifier(options.device_id)) {
        return unexpected(
            invalid("device_id: must be 1 to 64 characters of A-Z a-z 0-9 - _, found " +
                    std::to_string(options.device_id.size()) + " bytes"));
    }
    if (options.issuer_prefix.empty()) {
        return unexpected(invalid("issuer_prefix: must not be empty"));
    }
    if (!options.application_secret.empty() &&
        !protocol::derive_signing_key(options.application_secret, "20000101")) {
        return unexpected(invalid("application_secret: must be base64"));
    }
    return {};
}

Result<void> check(const ClientOptions& options) {
    PARLEY_CHECK(check_identity(options));
    PARLEY_CHECK(io::check_url(options.server));
    if (!options.ca_file.empty() && !std::ifstream(options.ca_file)) {
        return unexpected(
            invalid("ca_file: " + options.ca_file + " cannot be read: " + std::strerror(errno)));
    }
    if (options.retry_window <= std::chrono::milliseconds(0)) {
        return unexpected(invalid("retry_window: must be longer than 0"));
    }
    if (options.inbox_bytes == 0) {
        return unexpected(invalid("inbox_bytes: must be more than 0"));
    }
    if ((options.callbacks == CallbackMode::executor) != (options.executor != nullptr)) {
        return unexpected(invalid(options.executor == nullptr
                                      ? "executor: must be given with CallbackMode::executor"
                                      : "executor: is given, but callbacks is not "
                                        "CallbackMode::executor"));
    }
    return {};
}

}  // namespace

// ---- TokenRequest

TokenRequest::State::~State() {
    answer(unexpected(make_error(ErrorCode::not_authenticated,
                                 "the app dropped the request for a token without an answer")));
}

void TokenRequest::State::answer(Result<std::string> token) {
    if (answered.exchange(true)) {
        return;
    }
    if (const auto alive = core.lock()) {
        alive->token_answered(std::move(token));
    }
}

TokenRequest::TokenRequest(std::shared_ptr<State> state) : state_(std::move(state)) {}
TokenRequest::TokenRequest(const TokenRequest&) = default;
TokenRequest& TokenRequest::operator=(const TokenRequest&) = default;
TokenRequest::~TokenRequest() = default;
TokenReason TokenRequest::reason() const {
    return state_->reason;
}
void TokenRequest::answer(std::string token) const {
    state_->answer(std::move(token));
}
void TokenRequest::fail(Error error) const {
    state_->answer(unexpected(std::move(error)));
}

// ---- ClientDelegate

ClientDelegate::~ClientDelegate() = default;
void ClientDelegate::connection_changed(Client&, const Connection&) {}
void ClientDelegate::client_replaced(Client&) {}
void ClientDelegate::inbox_full(Client&) {}
void ClientDelegate::requires_token(Client&, TokenRequest request) {
    request.fail(make_error(ErrorCode::not_authenticated,
                            "the client has no application_secret, and its delegate does not "
                            "implement requires_token"));
}

// ---- Client

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
    PARLEY_CHECK(check(options));
    if (options.store_folder.empty()) {
        PARLEY_TRY(options.store_folder,
                   default_store_folder(options.application_key, options.user_id));
    }
    try {
        auto core = std::make_shared<sdk::Core>(std::move(options));
        PARLEY_CHECK(core->open());
        auto client = std::unique_ptr<Client>(new Client(core));
        core->set_client(*client);
        return client;
    } catch (const std::exception& thrown) {
        // The loop asks the system for descriptors and throws where it has none.
        return unexpected(make_error(ErrorCode::wrong_state,
                                     std::string("no client can be made now: ") + thrown.what()));
    }
}

Client::Client(std::shared_ptr<sdk::Core> core) : core_(std::move(core)) {}
Client::~Client() {
    core_->shutdown();
}

void Client::set_delegate(ClientDelegate* delegate) {
    core_->callbacks().set_client_delegate(delegate);
}
Result<void> Client::set_support_messaging(bool supported) {
    return core_->set_support_messaging(supported);
}
Result<MessageClient*> Client::message_client() {
    return core_->message_client();
}
Result<void> Client::start() {
    return core_->start();
}
bool Client::is_started() const {
    return core_->is_started();
}
Connection Client::connection() const {
    return core_->connection();
}
void Client::terminate() {
    core_->terminate();
}
bool Client::terminate_gracefully(std::chrono::milliseconds timeout) {
    return core_->terminate_gracefully(timeout);
}
void Client::network_changed() {
    core_->network_changed();
}
Result<void> Client::log_out() {
    return core_->log_out();
}
std::size_t Client::poll(std::chrono::milliseconds wait) {
    return core_->callbacks().poll(wait);
}
const std::string& Client::application_key() const {
    return core_->options().application_key;
}
const std::string& Client::user_id() const {
    return core_->options().user_id;
}
const std::string& Client::device_id() const {
    return core_->device_id();
}
const std::string& Client::store_folder() const {
    return core_->options().store_folder;
}

}  // namespace parley
