#include "session.h"

#include "application_file.h"
#include "text.h"

#include <csignal>
#include <utility>

namespace parley::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void watch_signals() {
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    sigemptyset(&action.sa_mask);
    // A second Ctrl-C ends the program whatever it does.
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

Error invalid(std::string description) {
    return make_error(ErrorCode::invalid_argument, std::move(description));
}

// How a given token names its application: by the default issuer, or by that of the application
// file.
Result<TokenClaims> claims_of(const std::string& token, std::string& issuer_prefix,
                              const Arguments& arguments) {
    Result<TokenClaims> claims = read_token(token, issuer_prefix);
    if (claims) {
        return claims;
    }
    const auto file = read_application_file(arguments.app);
    if (!file) {
        return claims;
    }
    issuer_prefix = file->issuer_prefix;
    return read_token(token, issuer_prefix);
}

}  // namespace

Result<Identity> find_identity(const Arguments& arguments) {
    Identity result;
    if (!arguments.token.empty()) {
        result.token = arguments.token;
        result.issuer_prefix = std::string(kDefaultIssuerPrefix);
        auto claims = claims_of(result.token, result.issuer_prefix, arguments);
        if (!claims) {
            return unexpected(invalid("--token: " + claims.error().description));
        }
        if (claims->user_id != arguments.user) {
            return unexpected(invalid("--token: is for user " + printable(claims->user_id) +
                                      ", but --user is " + arguments.user));
        }
        result.application_key = std::move(claims->application_key);
        return result;
    }
    auto file = read_application_file(arguments.app);
    if (!file) {
        return unexpected(std::move(file).error());
    }
    result.application_key = std::move(file->application_key);
    result.application_secret = std::move(file->application_secret);
    result.issuer_prefix = std::move(file->issuer_prefix);
    return result;
}

ClientOptions client_options(const Arguments& arguments, const Identity& identity) {
    ClientOptions options;
    options.application_key = identity.application_key;
    options.application_secret = identity.application_secret;
    options.issuer_prefix = identity.issuer_prefix;
    options.user_id = arguments.user;
    options.server = arguments.server;
    options.ca_file = arguments.ca;
    options.store_folder = arguments.store;
    options.device_id = arguments.device;
    options.retry_window = arguments.retry_window;
    options.callbacks = CallbackMode::poll;
    return options;
}

ExitCode exit_code(const Error& error) {
    switch (error.code) {
        case ErrorCode::store_failed:
        case ErrorCode::store_in_use:
        case ErrorCode::store_full:
        case ErrorCode::store_foreign:
            return kStore;
        case ErrorCode::invalid_argument:
        case ErrorCode::message_stale:
        case ErrorCode::wrong_state:
            return kUsage;
        case ErrorCode::too_late:
            return kMessageFailed;
        default:
            return kRefused;
    }
}

std::string explain(const Error& error, const std::string& store_folder) {
    std::string line = printable(error.description);
    if (error.code == ErrorCode::store_in_use) {
        line = "the local store " + store_folder +
               " is in use by another process; to be a second device of this user, name a folder "
               "of its own with --store DIR";
    } else if (error.code == ErrorCode::store_full) {
        line = "no room for the local store " + store_folder +
               ": free some space, or name another folder with --store DIR";
    } else if (error.code == ErrorCode::store_foreign || error.code == ErrorCode::store_failed) {
        line += "; name another folder with --store DIR";
    } else if (error.domain == ErrorDomain::session || error.domain == ErrorDomain::capability) {
        line = "the server refused the session (" + std::to_string(static_cast<int>(error.code)) +
               "): " + line;
    }
    return line;
}

std::string with_flag(const std::string& line) {
    constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
        {"server URL", "--server:"},
        {"ca_file:", "--ca:"},
        {"user_id:", "--user:"},
        {"device_id:", "--device:"},
        {"retry_window:", "--retry-window:"},
        {"recipient", "--to: recipient"},
        {"header", "--header: header"},
        {"application_", "--app: application_"}};
    for (const auto& [option, flag] : kFlags) {
        if (line.starts_with(option)) {
            return std::string(flag) + line.substr(option.size());
        }
    }
    return line;
}

Result<std::unique_ptr<Client>> open_client(ClientOptions options, Printer& printer) {
    std::string folder = options.store_folder;
    if (folder.empty()) {
        folder = default_store_folder(options.application_key, options.user_id).value_or("");
    }
    auto client = Client::create(std::move(options));
    if (!client) {
        printer.remark(with_flag(explain(client.error(), folder)));
        return client;
    }
    if (const auto enabled = (*client)->set_support_messaging(true); !enabled) {
        printer.remark(explain(enabled.error(), folder));
        return unexpected(enabled.error());
    }
    return client;
}

std::unique_ptr<Printer> make_printer(const Arguments& arguments) {
    return arguments.json ? make_json_printer() : make_text_printer();
}

// ---- Session

Session::Session(const Arguments& arguments, Printer& printer)
    : printer_(printer), arguments_(arguments), began_(std::chrono::steady_clock::now()) {}

Session::~Session() = default;

std::optional<int> Session::open(bool keep_incoming) {
    auto identity = find_identity(arguments_);
    if (!identity) {
        printer_.remark(identity.error().description);
        return kUsage;
    }
    identity_ = *std::move(identity);
    ClientOptions options = client_options(arguments_, identity_);
    options.keep_incoming = keep_incoming;
    auto opened = open_client(std::move(options), printer_);
    if (!opened) {
        return exit_code(opened.error());
    }
    client_ = *std::move(opened);
    messages_ = *client_->message_client();
    client_->set_delegate(this);
    messages_->set_delegate(this);
    watch_signals();
    return std::nullopt;
}

int Session::run() {
    constexpr auto kSlice = std::chrono::milliseconds(100);
    if (const auto started = client_->start(); !started) {
        fail(started.error());
    }
    while (!finished_) {
        auto wait = kSlice;
        if (arguments_.timeout) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                began_ + *arguments_.timeout - std::chrono::steady_clock::now());
            if (left <= left.zero()) {
                on_timeout();
                break;
            }
            wait = std::min(wait, left);
        }
        client_->poll(wait);
        if (!finished_ && interrupted != 0) {
            on_interrupt();
        }
    }
    finished_ = true;
    return code_;
}

void Session::finish(int code) {
    if (finished_) {
        return;
    }
    code_ = code;
    finished_ = true;
}

void Session::fail(const Error& error) {
    {
        const std::lock_guard lock(output_);
        // A full disk, for instance, is met by the reader of standard input and by the session.
        if (!end_said_) {
            printer_.remark(explain(error, client_->store_folder()));
        }
        end_said_ = true;
    }
    finish(exit_code(error));
}

void Session::client_did_start(Client& client) {
    const std::lock_guard lock(output_);
    printer_.started(client);
}

void Session::client_did_fail(Client& client, const Error& error) {
    // A token that cannot be renewed does not end the session before its time.
    if (client.connection().state == ConnectionState::connected) {
        const std::lock_guard lock(output_);
        if (last_trouble_ != error.description) {
            printer_.remark(printable(error.description));
        }
        last_trouble_ = error.description;
        return;
    }
    fail(error);
}

void Session::connection_changed(Client&, const Connection& connection) {
    const std::lock_guard lock(output_);
    if (connection.state == ConnectionState::connected) {
        if (!last_trouble_.empty()) {
            printer_.remark("connected");
        }
        last_trouble_.clear();
        return;
    }
    if (connection.state != ConnectionState::waiting || !connection.error) {
        return;
    }
    // A server that restarts is not worth a word, unless it stays away.
    const std::string& trouble = connection.error->description;
    if (connection.error->code == ErrorCode::draining || trouble == last_trouble_ || end_said_) {
        return;
    }
    // client_did_fail tells this one, and ends the run.
    if (connection.error->code == ErrorCode::store_full ||
        connection.error->code == ErrorCode::store_failed) {
        return;
    }
    last_trouble_ = trouble;
    printer_.remark(printable(trouble) + "; trying again until it works");
}

void Session::client_replaced(Client&) {
    {
        const std::lock_guard lock(output_);
        printer_.remark(
            "another session of this device took over (3001): a copy of its local store is in use "
            "elsewhere, or --device names the same device twice");
    }
    finish(kRefused);
}

void Session::requires_token(Client&, TokenRequest request) {
    if (request.reason() == TokenReason::missing) {
        request.answer(identity_.token);
        return;
    }
    request.fail(make_error(
        ErrorCode::not_authenticated,
        request.reason() == TokenReason::ends_soon
            ? "the token ends soon, and the session with it; start again with a new one"
            : "the token was refused or has ended; get a new one (parley token, with the "
              "application's secret) and give it with --token or PARLEY_TOKEN"));
}

void Session::inbox_full(Client& client) {
    const std::lock_guard lock(output_);
    printer_.remark("the local store holds as many unread messages as it may (" +
                    client.store_folder() +
                    "); nothing more comes in until parley listen or "
                    "parley chat has shown them");
}

void Session::did_receive_incoming_message(MessageClient&, const Message& message) {
    const std::lock_guard lock(output_);
    printer_.incoming(message);
}

void Session::message_sent(const Message& message, const std::string& recipient_id) {
    const std::lock_guard lock(output_);
    printer_.sent(message, recipient_id);
}

void Session::message_delivered(const MessageDeliveryInfo& info) {
    const std::lock_guard lock(output_);
    printer_.delivered(info);
}

void Session::message_delivery_failed(const Message& message,
                                      const std::vector<MessageFailureInfo>& failures) {
    const std::lock_guard lock(output_);
    printer_.failed(message, failures);
}

}  // namespace parley::cli
