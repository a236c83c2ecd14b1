#include "adapters/asio/dial_attempt.h"

#include "adapters/asio/channel.h"
#include "adapters/asio/entropy.h"
#include "base/crypto.h"

#include <utility>

namespace parley::asio {

namespace {

using State = IoResult::State;

constexpr std::size_t kShownBodyBytes = 200;

// Text of a peer, fit for one line of a log.
std::string printable(std::string_view text, std::size_t most) {
    std::string shown(text.substr(0, most));
    for (char& c : shown) {
        if (c < ' ' || c > '~') {
            c = c == '\n' || c == '\r' ? ' ' : '?';
        }
    }
    return shown;
}

// A TLS alert: what a TLS server says to a plain request.
bool looks_like_tls(std::string_view answer) {
    return answer.size() >= 2 && answer[0] == '\x15' && answer[1] == '\x03';
}

}  // namespace

DialAttempt::DialAttempt(AsioLoop& loop, const io::DialTarget& target, io::Dialer::Done done)
    : loop_(loop), target_(target), done_(std::move(done)) {}

template <typename Method>
auto DialAttempt::resume(Method method) {
    return [self = shared_from_this(), method](boost::system::error_code error) {
        if (!error && self->step_ != Step::over) {
            (self.get()->*method)();
        }
    };
}

void DialAttempt::start(const ServerUrl& url, TlsContext context) {
    url_ = url;
    context_ = std::move(context);
    limit_ = loop_.call_at(loop_.now() + target_.connect_timeout,
                           [self = shared_from_this()] { self->on_timeout(); });
    lookup_.emplace(loop_, url_.host, url_.port,
                    [self = shared_from_this()](Result<std::vector<Address>> addresses) {
                        self->on_resolved(std::move(addresses));
                    });
}

void DialAttempt::fail_later(Error error) {
    loop_.post(
        [self = shared_from_this(), error = std::move(error)] { self->finish(unexpected(error)); });
}

void DialAttempt::cancel() {
    done_ = {};
    finish(unexpected(make_error(ErrorCode::connection_refused, "cancelled")));
}

std::string DialAttempt::place() const {
    const std::string host =
        url_.host.find(':') == std::string::npos ? url_.host : "[" + url_.host + "]";
    return host + ":" + std::to_string(url_.port);
}

// ---- TCP

void DialAttempt::on_resolved(Result<std::vector<Address>> addresses) {
    if (step_ != Step::resolving) {
        return;
    }
    if (!addresses) {
        fail(ErrorCode::connection_refused, addresses.error().description);
        return;
    }
    step_ = Step::connecting;
    race_ = std::make_shared<ConnectRace>(
        loop_, *addresses, [self = shared_from_this()](Result<ConnectRace::Winner> winner) {
            self->on_connected(std::move(winner));
        });
    race_->start();
}

void DialAttempt::on_connected(Result<ConnectRace::Winner> winner) {
    if (step_ != Step::connecting) {
        return;
    }
    if (!winner) {
        fail(ErrorCode::connection_refused, "cannot connect to " + place() + " (" +
                                                winner.error().description +
                                                "); is the server running there?");
        return;
    }
    socket_.emplace(std::move(winner->socket));
    peer_address_ = std::move(winner->peer_address);
    if (!context_) {
        begin_upgrade();
        return;
    }
    step_ = Step::tls;
    socket_->stream().start_tls(Tls::client(context_, socket_->stream().descriptor(), url_.host));
    step_tls();
}

// ---- TLS

void DialAttempt::step_tls() {
    const IoResult result = socket_->stream().handshake();
    switch (result.state) {
        case State::done:
            begin_upgrade();
            return;
        case State::want_read:
            socket_->wait_readable(resume(&DialAttempt::step_tls));
            return;
        case State::want_write:
            socket_->wait_writable(resume(&DialAttempt::step_tls));
            return;
        case State::ended:
            fail(ErrorCode::server_error,
                 place() + " closed the connection during the TLS handshake (is it a TLS server?)");
            return;
        case State::failed:
            fail(ErrorCode::server_error, place() + ": " + result.what);
            return;
    }
}

// ---- upgrade

void DialAttempt::begin_upgrade() {
    step_ = Step::upgrading;
    request_.host = url_.authority;
    request_.target = "/v1/connect";
    request_.key = base64_encode(SystemEntropy().bytes(16));
    request_.subprotocol = target_.subprotocol;
    out_ = websocket::make_upgrade_request(request_);
    step_sending();
}

void DialAttempt::step_sending() {
    while (sent_ < out_.size()) {
        const IoResult result = socket_->stream().write(as_bytes(out_).subspan(sent_));
        if (result.state == State::done) {
            sent_ += result.bytes;
        } else if (result.state == State::want_write) {
            socket_->wait_writable(resume(&DialAttempt::step_sending));
            return;
        } else if (result.state == State::want_read) {
            socket_->wait_readable(resume(&DialAttempt::step_sending));
            return;
        } else {
            stream_failed(result);
            return;
        }
    }
    step_receiving();
}

void DialAttempt::step_receiving() {
    const std::span<std::byte> scratch = loop_.core().read_scratch();
    const IoResult result = socket_->stream().read(scratch);
    switch (result.state) {
        case State::done:
            answer_.append(as_text(scratch.first(result.bytes)));
            judge_answer();
            return;
        case State::want_read:
            socket_->wait_readable(resume(&DialAttempt::step_receiving));
            return;
        case State::want_write:
            socket_->wait_writable(resume(&DialAttempt::step_receiving));
            return;
        case State::ended:
        case State::failed:
            stream_failed(result);
            return;
    }
}

void DialAttempt::judge_answer() {
    using Outcome = websocket::UpgradeCheck::Outcome;
    const auto check = websocket::check_upgrade_response(answer_, request_);
    switch (check.outcome) {
        case Outcome::incomplete:
            step_receiving();
            return;
        case Outcome::upgraded:
            succeed(check.head_bytes);
            return;
        case Outcome::not_http:
            fail(ErrorCode::server_error,
                 looks_like_tls(answer_) ? place() + " speaks TLS: use wss:// instead of ws://"
                                         : place() + " is not a Parley server: it answered \"" +
                                               check.status_line + "\"");
            return;
        case Outcome::refused: {
            const auto body = std::string_view(answer_).substr(check.head_bytes);
            const std::string shown = printable(body, kShownBodyBytes);
            fail(ErrorCode::server_error,
                 place() + " refused the session: it answered \"" + check.status_line + "\"" +
                     (shown.empty() ? "" : " " + shown) +
                     (check.status == 404 || check.status == 200 ? " (is it a Parley server?)"
                                                                 : ""));
            return;
        }
        case Outcome::not_websocket:
            fail(ErrorCode::server_error,
                 place() +
                     " is not a Parley server: its answer to the WebSocket upgrade is wrong (\"" +
                     check.status_line + "\")");
            return;
        case Outcome::wrong_subprotocol:
            fail(ErrorCode::server_error, place() +
                                              " is not a Parley server: it does not speak the "
                                              "subprotocol " +
                                              target_.subprotocol);
            return;
    }
}

void DialAttempt::stream_failed(const IoResult& result) {
    if (looks_like_tls(answer_)) {
        fail(ErrorCode::server_error, place() + " speaks TLS: use wss:// instead of ws://");
    } else if (result.state == State::ended && answer_.empty()) {
        fail(ErrorCode::connection_refused,
             place() + " closed the connection without an answer (is it a Parley server?)");
    } else if (result.state == State::ended) {
        fail(ErrorCode::server_error, place() + " is not a Parley server: it answered \"" +
                                          printable(answer_, kShownBodyBytes) + "\" and closed");
    } else {
        fail(ErrorCode::connection_refused,
             "the connection to " + place() + " was lost: " + result.what);
    }
}

// ---- the end

void DialAttempt::on_timeout() {
    switch (step_) {
        case Step::resolving:
            fail(ErrorCode::timed_out, "the name " + url_.host + " was not resolved in time");
            return;
        case Step::connecting:
            fail(ErrorCode::timed_out,
                 place() + " did not answer in time" +
                     (race_->last_failure().empty() ? "" : " (" + race_->last_failure() + ")"));
            return;
        case Step::tls:
            fail(ErrorCode::timed_out,
                 place() + " did not finish the TLS handshake in time (is it a TLS server?)");
            return;
        case Step::upgrading:
            fail(ErrorCode::timed_out, place() +
                                           " did not answer the WebSocket upgrade in time (is "
                                           "it a Parley server?)");
            return;
        case Step::over:
            return;
    }
}

void DialAttempt::fail(ErrorCode code, const std::string& what) {
    finish(unexpected(make_error(code, what)));
}

void DialAttempt::succeed(std::size_t head_bytes) {
    auto options = std::make_shared<ChannelOptions>(websocket::Role::client, target_.subprotocol,
                                                    target_.subprotocol.ends_with("json"),
                                                    target_.message_bytes);
    finish(make_channel(loop_, socket_->release(), std::move(options), peer_address_,
                        answer_.substr(head_bytes), ConnectionSlot()));
}

void DialAttempt::finish(Result<std::unique_ptr<io::Channel>> result) {
    if (step_ == Step::over) {
        return;
    }
    const auto self = shared_from_this();
    step_ = Step::over;
    limit_.reset();
    lookup_.reset();
    if (race_) {
        race_->cancel();
    }
    socket_.reset();
    if (io::Dialer::Done done = std::exchange(done_, {})) {
        done(std::move(result));
    }
}

}  // namespace parley::asio
