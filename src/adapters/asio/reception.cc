#include "adapters/asio/reception.h"

#include "adapters/asio/core.h"
#include "wire/websocket/handshake.h"

#include <algorithm>
#include <utility>

namespace parley::asio {

namespace {

using State = IoResult::State;

// After an answer the rest of what the client sends is read and thrown away, so that the answer is
// not lost to a reset; but not for long.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 256 * 1024;

int status_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::connections:
        case Refusal::handshakes:
            return 503;
        case Refusal::proxy_header:
            return 400;
        default:
            return 429;
    }
}

std::string_view words_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::connections:
        case Refusal::handshakes:
            return "the server has all the connections it can hold: try again later";
        case Refusal::address_rate:
            return "too many connections from this address in a short time: try again "
                   "later";
        default:
            return "too many connections from this address: try again later";
    }
}

std::size_t share_of(std::size_t limit, std::size_t loops) {
    return limit == 0 ? 0 : std::max<std::size_t>(1, limit / loops);
}

}  // namespace

ListenerShared::ListenerShared(ListenOptions from, std::size_t loops, Logger logger)
    : options(std::move(from)), log(logger) {
    if (!options.admission) {
        options.admission = std::make_shared<Admission>(AdmissionLimits{});
    }
    Admission& admission = *options.admission;
    for (std::size_t i = 0; i < loops; ++i) {
        handshakes.push_back(
            std::make_unique<Handshakes>(share_of(admission.limits().handshakes, loops),
                                         options.handshake_patience, admission.handshakes));
    }
}

std::optional<Telling> Telling::begin(std::shared_ptr<ListenerShared> listener) {
    if (listener->being_told.fetch_add(1, std::memory_order_relaxed) >= kMost) {
        listener->being_told.fetch_sub(1, std::memory_order_relaxed);
        return std::nullopt;
    }
    return Telling(std::move(listener));
}

Telling::~Telling() {
    if (listener_) {
        listener_->being_told.fetch_sub(1, std::memory_order_relaxed);
    }
}

bool ListenerShared::trusts(const IpAddress& peer) const {
    return std::any_of(options.trusted_proxies.begin(), options.trusted_proxies.end(),
                       [&](const Network& network) { return network.contains(peer); });
}

void ListenerShared::note(Refusal refusal, const std::optional<IpAddress>& peer,
                          std::string_view what) const {
    options.admission->count(refusal);
    log.debug("listener.refused",
              {{"reason", name_of(refusal)}, {"address", to_text(peer)}, {"what", what}});
}

std::string to_text(const std::optional<IpAddress>& peer) {
    return peer ? peer->to_text() : "local";
}

Reception::Reception(std::shared_ptr<ListenerShared> listener, const LoopHandlers& handlers,
                     Accepted accepted)
    : listener_(std::move(listener)),
      handlers_(handlers),
      loop_index_(accepted.loop),
      socket_(*handlers_.loop, std::move(accepted.descriptor)),
      peer_(accepted.peer),
      slot_(std::move(accepted.slot)),
      telling_(std::move(accepted.telling)),
      request_(listener_->options.header_bytes, listener_->options.body_bytes) {}

Reception::~Reception() {
    leave_place();
}

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
    began_ = loop.now();
    limit_ = loop.call_at(began_ + listener_->options.request_timeout,
                          [self = shared_from_this()] { self->over(); });
    if (!find_place()) {
        turn_away(Refusal::handshakes);
        return;
    }
    if (peer_ && listener_->trusts(*peer_)) {
        step_ = Step::proxy;
        proxy_header_ = std::make_unique<ProxyHeader>();
        socket_.wait_readable(resume(&Reception::step_proxy));
    } else {
        socket_.wait_readable(resume(&Reception::step_beginning));
    }
}

void Reception::start_refused(Refusal refusal) {
    AsioLoop& loop = *handlers_.loop;
    limit_ = loop.call_at(loop.now() + kLinger, [self = shared_from_this()] { self->over(); });
    turn_away(refusal);
}

bool Reception::find_place() {
    Handshakes& handshakes = *listener_->handshakes[loop_index_];
    const IpAddress owner = peer_ ? peer_->owner() : IpAddress();
    if (handshakes.is_full()) {
        Reception* const other = handshakes.giving_way_to(owner, handlers_.loop->now());
        if (other == nullptr) {
            return false;
        }
        listener_->log.debug("listener.handshake_gave_way");
        listener_->options.admission->count(Refusal::handshakes);
        other->over();
    }
    place_ = handshakes.enter(*this, owner, began_);
    return true;
}

void Reception::leave_place() {
    if (const auto place = std::exchange(place_, std::nullopt)) {
        listener_->handshakes[loop_index_]->leave(*place);
    }
}

// Whoever is refused keeps nobody else's place while it reads why. Before TLS, where nothing can be
// said, the connection is only closed.
void Reception::turn_away(Refusal refusal, std::string_view what) {
    listener_->note(refusal, peer_, what);
    leave_place();
    slot_.release();
    if (!telling_ && !listener_->options.tls) {
        telling_ = Telling::begin(listener_);
    }
    if (!telling_) {
        over();
        return;
    }
    refuse(status_of(refusal), what.empty() ? words_of(refusal) : what,
           refusal == Refusal::proxy_header ? "" : "Retry-After: 5\r\n");
}

// Only the header is taken out of the socket: what follows is TLS, or HTTP.
void Reception::step_proxy() {
    const std::span<std::byte> scratch = handlers_.loop->core().read_scratch();
    IoResult result = socket_.stream().peek(scratch);
    if (result.state == State::want_read) {
        socket_.wait_readable(resume(&Reception::step_proxy));
        return;
    }
    if (result.state != State::done) {
        over();
        return;
    }
    const std::size_t used = proxy_header_->feed(scratch.first(result.bytes));
    result = socket_.stream().read(scratch.first(used));
    if (result.state != State::done || result.bytes != used) {
        over();
        return;
    }
    switch (proxy_header_->state()) {
        case ProxyHeader::State::incomplete:
            socket_.wait_readable(resume(&Reception::step_proxy));
            return;
        case ProxyHeader::State::failed:
            turn_away(Refusal::proxy_header,
                      "this address is a trusted proxy (proxy.trusted) and must begin with a "
                      "PROXY header: found " +
                          std::string(proxy_header_->what()));
            return;
        case ProxyHeader::State::complete:
            break;
    }
    peer_ = proxy_header_->source().value_or(*peer_);
    proxy_header_.reset();
    if (const auto refusal = slot_.come_from(*peer_, handlers_.loop->now())) {
        turn_away(*refusal);
        return;
    }
    // Its client's from now on, no longer the proxy's.
    leave_place();
    find_place();
    step_ = Step::beginning;
    socket_.wait_readable(resume(&Reception::step_beginning));
}

// The first bytes are there. Until now the connection has cost no TLS.
void Reception::step_beginning() {
    std::byte first[ProxyHeader::kRecognizable];
    const IoResult result = socket_.stream().peek(first);
    if (result.state == State::want_read) {
        socket_.wait_readable(resume(&Reception::step_beginning));
        return;
    }
    if (result.state == State::done && peer_ &&
        ProxyHeader::recognizes(std::span(first).first(result.bytes))) {
        turn_away(Refusal::proxy_header,
                  "a PROXY header from an address that is not in proxy.trusted");
        return;
    }
    if (listener_->options.tls) {
        step_ = Step::tls;
        socket_.stream().start_tls(
            Tls::server(listener_->options.tls->context(), socket_.stream().descriptor()));
        step_tls();
    } else {
        step_ = Step::reading;
        step_reading();
    }
}

void Reception::step_tls() {
    const IoResult result = socket_.stream().handshake();
    switch (result.state) {
        case State::done:
            traffic().tls_handshakes.add();
            socket_.stream().share_pipe(handlers_.loop->core().tls_pipe);
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
            listener_->log.debug("listener.tls_failed",
                                 {{"reason", result.what.empty() ? "it ended" : result.what},
                                  {"address", to_text(peer_)}});
            // The alert that says why is out already; it must not be lost to a reset.
            socket_.stream().stop_tls();
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
    const IoResult result = socket_.stream().read(scratch);
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
            if (socket_.stream().is_tls()) {
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
    request_.take_rest();  // of which nothing becomes
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
        const IoResult result = socket_.stream().write(as_bytes(out_).subspan(sent_));
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
    socket_.stream().shut_down_writing();
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
    leave_place();
    handlers_.channels->on_channel(make_channel(*handlers_.loop, socket_.release(), upgraded_to_,
                                                peer_ ? peer_->to_text() : "local",
                                                request_.take_rest(), std::move(slot_)));
}

void Reception::step_lingering() {
    const std::span<std::byte> scratch = handlers_.loop->core().read_scratch();
    const IoResult result = socket_.stream().read(scratch);
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
    leave_place();
    slot_.release();
    socket_.close();
    telling_.reset();
}

}  // namespace parley::asio
