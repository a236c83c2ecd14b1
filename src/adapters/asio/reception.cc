#include "adapters/asio/reception.h"

#include "adapters/asio/core.h"
#include "wire/websocket/handshake.h"

#include <utility>

namespace parley::asio {

namespace {

using State = IoResult::State;

// After an answer the rest of what the client sends is read and thrown away, so that the answer is
// not lost to a reset; but not for long.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 256 * 1024;

}  // namespace

Reception::Reception(std::shared_ptr<ListenerShared> listener, LoopHandlers handlers, Socket socket,
                     std::string peer_address, ConnectionSlot slot)
    : listener_(std::move(listener)),
      handlers_(handlers),
      socket_(std::move(socket)),
      peer_address_(std::move(peer_address)),
      slot_(std::move(slot)),
      request_(listener_->options.header_bytes, listener_->options.body_bytes) {}

template <typename Method>
auto Reception::resume(Method method) {
    return [self = shared_from_this(), method](boost::system::error_code error) {
        if (!error && self->step_ != Step::over) {
            (self.get()->*method)();
        }
    };
}

Traffic& Reception::traffic() {
    return handlers_.loop->core().traffic;
}

void Reception::start() {
    AsioLoop& loop = *handlers_.loop;
    limit_ = loop.call_at(loop.now() + listener_->options.request_timeout,
                          [self = shared_from_this()] { self->over(); });
    if (listener_->options.tls) {
        socket_.start_tls(Tls::server(listener_->options.tls->context(), socket_.native_handle()));
        socket_.wait_readable(resume(&Reception::step_tls));
    } else {
        step_ = Step::reading;
        socket_.wait_readable(resume(&Reception::step_reading));
    }
}

void Reception::step_tls() {
    const IoResult result = socket_.handshake();
    switch (result.state) {
        case State::done:
            traffic().tls_handshakes.add();
            step_ = Step::reading;
            step_reading();
            return;
        case State::want_read:
            socket_.wait_readable(resume(&Reception::step_tls));
            return;
        case State::want_write:
            socket_.wait_writable(resume(&Reception::step_tls));
            return;
        case State::ended:
        case State::failed:
            traffic().tls_failures.add();
            listener_->log.debug("listener.tls_failed", {{"reason", result.what}});
            // The alert that says why is out already; it must not be lost to a reset.
            socket_.stop_tls();
            if (result.what == kPlainHttp) {
                refuse(400, "this port speaks TLS: use wss:// (or https://)");
            } else {
                linger();
            }
            return;
    }
}

void Reception::step_reading() {
    const std::span<std::byte> scratch = handlers_.loop->core().read_scratch();
    const IoResult result = socket_.read(scratch);
    switch (result.state) {
        case State::done:
            break;
        case State::want_read:
            socket_.wait_readable(resume(&Reception::step_reading));
            return;
        case State::want_write:
            socket_.wait_writable(resume(&Reception::step_reading));
            return;
        case State::ended:
        case State::failed:
            over();
            return;
    }
    switch (request_.feed(as_text(scratch.first(result.bytes)))) {
        case HttpRequestReader::State::complete:
            dispatch();
            return;
        case HttpRequestReader::State::failed:
            refuse(request_.status(), request_.what());
            return;
        case HttpRequestReader::State::incomplete:
            // In a turn of its own: a long body must not keep this one from ending.
            if (socket_.is_tls()) {
                handlers_.loop->post([self = shared_from_this()] {
                    if (self->step_ == Step::reading) {
                        self->step_reading();
                    }
                });
            } else {
                socket_.wait_readable(resume(&Reception::step_reading));
            }
            return;
    }
}

void Reception::dispatch() {
    if (listener_->dropped.load(std::memory_order_acquire)) {
        over();
        return;
    }
    const std::string_view target = request_.target();
    const std::string_view path = target.substr(0, target.find('?'));
    if (!listener_->subprotocols.empty() && path == listener_->options.connect_path) {
        upgrade();
    } else {
        ask_handler();
    }
}

void Reception::upgrade() {
    if (request_.method() != "GET") {
        refuse(405, "a session is opened with GET and an upgrade to WebSocket", "Allow: GET\r\n");
        return;
    }
    const std::string upgrade = request_.field("Upgrade");
    const std::string connection = request_.field("Connection");
    const std::string key = request_.field("Sec-WebSocket-Key");
    const std::string version = request_.field("Sec-WebSocket-Version");
    const std::string wanted = request_.field("Sec-WebSocket-Protocol");
    const auto verdict = websocket::answer_upgrade({upgrade, connection, key, version, wanted},
                                                   listener_->subprotocols);
    if (verdict.status != 101) {
        refuse(verdict.status, verdict.message,
               verdict.status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "");
        return;
    }
    for (const auto& options : listener_->channel_options) {
        if (options->subprotocol == verdict.subprotocol) {
            upgraded_to_ = options;
        }
    }
    out_ = websocket::make_upgrade_response(key, verdict.subprotocol);
    step_ = Step::upgrading;
    step_writing();
}

void Reception::ask_handler() {
    if (handlers_.requests == nullptr) {
        refuse(404, "nothing is served under this path");
        return;
    }
    AsioLoop& loop = *handlers_.loop;
    step_ = Step::answering;
    limit_ = loop.call_at(loop.now() + listener_->options.answer_timeout,
                          [self = shared_from_this()] { self->over(); });
    const bool head_only = request_.method() == "HEAD";
    io::HttpRequest request{std::string(request_.method()), std::string(request_.target()),
                            request_.take_body()};
    handlers_.requests->handle(
        request, [weak = weak_from_this(), head_only](const io::HttpResponse& response) {
            const auto self = weak.lock();
            if (!self || self->step_ != Step::answering) {
                return;
            }
            HttpAnswer text{response.status, response.content_type, response.body, {}, head_only};
            for (const std::string& method : response.allow) {
                text.fields += (text.fields.empty() ? "Allow: " : ", ") + method;
            }
            text.fields += text.fields.empty() ? "" : "\r\n";
            self->answer(text);
        });
}

void Reception::refuse(int status, std::string_view message, std::string fields) {
    answer(HttpAnswer{status, "application/json", error_body(status, message), std::move(fields),
                      false});
}

void Reception::answer(const HttpAnswer& answer) {
    traffic().http_requests.add();
    out_ = write_http(answer);
    step_ = Step::writing;
    step_writing();
}

void Reception::step_writing() {
    while (sent_ < out_.size()) {
        const IoResult result = socket_.write(as_bytes(out_).subspan(sent_));
        switch (result.state) {
            case State::done:
                sent_ += result.bytes;
                break;
            case State::want_write:
                socket_.wait_writable(resume(&Reception::step_writing));
                return;
            case State::want_read:
                socket_.wait_readable(resume(&Reception::step_writing));
                return;
            case State::ended:
            case State::failed:
                over();
                return;
        }
    }
    on_written();
}

void Reception::on_written() {
    out_ = Bytes();
    if (step_ == Step::upgrading) {
        become_channel();
        return;
    }
    linger();
}

void Reception::linger() {
    AsioLoop& loop = *handlers_.loop;
    step_ = Step::lingering;
    limit_ = loop.call_at(loop.now() + kLinger, [self = shared_from_this()] { self->over(); });
    socket_.shut_down_writing();
    socket_.wait_readable(resume(&Reception::step_lingering));
}

void Reception::become_channel() {
    // May have been destroyed while the answer was being written.
    if (listener_->dropped.load(std::memory_order_acquire)) {
        over();
        return;
    }
    traffic().upgrades.add();
    step_ = Step::over;
    limit_.reset();
    handlers_.channels->on_channel(make_channel(*handlers_.loop, std::move(socket_), upgraded_to_,
                                                peer_address_, request_.take_rest(),
                                                std::move(slot_)));
}

void Reception::step_lingering() {
    const std::span<std::byte> scratch = handlers_.loop->core().read_scratch();
    const IoResult result = socket_.read(scratch);
    lingered_ += result.bytes;
    const bool goes_on = result.state == State::done || result.state == State::want_read;
    if (!goes_on || lingered_ > kLingerBytes) {
        over();
        return;
    }
    socket_.wait_readable(resume(&Reception::step_lingering));
}

void Reception::over() {
    const auto self = shared_from_this();
    step_ = Step::over;
    limit_.reset();
    slot_.release();
    socket_.close();
}

}  // namespace parley::asio
