#include "adapters/asio/connection.h"

#include "adapters/asio/core.h"
#include "base/assert.h"

#include <cstring>
#include <utility>

namespace parley::asio {

namespace {

using State = IoResult::State;
using websocket::Decoder;
using websocket::Opcode;
using websocket::Role;

// Reads of one connection in one turn, so that a fast sender does not starve the others.
constexpr int kReadsPerTurn = 4;

}  // namespace

Connection::Connection(AsioLoop& loop, Stream stream, std::shared_ptr<const ChannelOptions> options,
                       std::string peer_address, std::string received, ConnectionSlot slot)
    : loop_(loop),
      options_(std::move(options)),
      stream_(std::move(stream)),
      decoder_(options_->stranger_decoding),
      peer_address_(std::move(peer_address)),
      slot_(std::move(slot)),
      held_(received.empty() ? nullptr : std::make_unique<Bytes>(std::move(received))) {}

Connection::~Connection() = default;

void Connection::start(io::ChannelObserver& observer) {
    PARLEY_ASSERT(observer_ == nullptr);
    observer_ = &observer;
    if (!loop_.core().ready_set->add(stream_.descriptor(), *this)) {
        loop_.post([self = shared_from_this()] { self->lost("no memory to wait for it"); });
        return;
    }
    // What came behind the upgrade, or lies in the TLS layer, does not make the socket ready.
    readable_ = stream_.is_tls();
    if (readable_ || held_) {
        loop_.post([self = shared_from_this()] { self->resume_reading(); });
    }
}

void Connection::authenticated() {
    decoder_.use(options_->decoding);
    slot_.authenticated();
}

// ---- reading

bool Connection::wants_to_read() const {
    switch (phase_) {
        case Phase::open:
            return observer_ != nullptr && !paused_;
        case Phase::closing:
        case Phase::discarding:
            return true;
        case Phase::answering:
        case Phase::ended:
            break;
    }
    return false;
}

void Connection::pause_reading(bool paused) {
    if (paused_ == paused || phase_ == Phase::ended) {
        return;
    }
    paused_ = paused;
    if (!paused || broken_) {
        loop_.post([self = shared_from_this()] {
            self->look_for_break();
            self->resume_reading();
        });
    }
}

// While nothing is read, a connection that broke shows in this way only.
void Connection::look_for_break() {
    if (broken_ && paused_ && phase_ == Phase::open) {
        lost("connection lost");
    }
}

void Connection::on_ready(Readiness readiness) {
    const auto self = shared_from_this();
    readable_ = readable_ || readiness.read;
    peer_ended_ = peer_ended_ || readiness.ended;
    broken_ = broken_ || readiness.broken;
    look_for_break();
    if (phase_ == Phase::ended) {
        return;
    }
    if (readiness.write) {
        readable_ = std::exchange(read_wants_write_, false) || readable_;
        if (std::exchange(write_waits_, false)) {
            flush();
        }
    }
    if (readiness.read && std::exchange(write_wants_read_, false)) {
        flush();
    }
    if (readable_) {
        resume_reading();
    }
}

// What was read before comes before what is read now.
void Connection::resume_reading() {
    if (held_ && wants_to_read()) {
        const std::unique_ptr<Bytes> bytes = std::exchange(held_, nullptr);
        take_bytes(std::as_writable_bytes(std::span(*bytes)));
    }
    if (readable_ && wants_to_read()) {
        read_some();
    }
}

void Connection::read_some() {
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
        const std::span<std::byte> scratch = loop_.core().read_scratch();
        IoResult result = stream_.read(scratch);
        switch (result.state) {
            case State::done:
                loop_.core().traffic.bytes_received.add(static_cast<std::int64_t>(result.bytes));
                // A short read has emptied the socket, and what comes later is told.
                readable_ = stream_.is_tls() || peer_ended_ || result.bytes == scratch.size();
                if (!take_bytes(scratch.first(result.bytes)) || !readable_) {
                    return;
                }
                break;
            case State::want_read:
                readable_ = false;
                return;
            case State::want_write:
                readable_ = false;
                read_wants_write_ = true;
                return;
            case State::ended:
                lost("closed by the peer without a close frame");
                return;
            case State::failed:
                lost(std::move(result.what));
                return;
        }
    }
    // The rest in a later turn.
    loop_.post([self = shared_from_this()] { self->resume_reading(); });
}

// False if nothing more may be read now.
bool Connection::take_bytes(std::span<std::byte> bytes) {
    if (phase_ == Phase::discarding) {
        return true;
    }
    if (observer_ != nullptr && phase_ == Phase::open) {
        observer_->on_alive();
    }
    if (phase_ != Phase::ended) {
        deliver(bytes);
    }
    return wants_to_read();
}

void Connection::deliver(std::span<std::byte> bytes) {
    if (paused_ && phase_ == Phase::open) {
        hold_back(bytes);
        return;
    }
    decoder_.feed(bytes);
    while (auto event = decoder_.next()) {
        handle(*event);
        if (phase_ == Phase::ended) {
            return;
        }
        if (paused_ && phase_ == Phase::open) {
            // The peer sent more than this side wants now: it waits here, at most one read of it.
            hold_back(decoder_.take_rest());
            return;
        }
    }
}

void Connection::hold_back(BytesView bytes) {
    if (!bytes.empty()) {
        held_ = std::make_unique<Bytes>(as_text(bytes));
    }
}

void Connection::handle(const Decoder::Event& event) {
    if (const auto* message = std::get_if<Decoder::Message>(&event)) {
        // After our close frame nobody listens any more.
        if (phase_ == Phase::open && observer_ != nullptr) {
            observer_->on_message(message->bytes);
        }
    } else if (const auto* ping = std::get_if<Decoder::Ping>(&event)) {
        on_ping(ping->bytes);
    } else if (const auto* peer_close = std::get_if<Decoder::Close>(&event)) {
        on_peer_close(*peer_close);
    } else if (const auto* violation = std::get_if<Decoder::Violation>(&event)) {
        on_violation(*violation);
    }
    // A pong has done its work by coming.
}

void Connection::on_ping(BytesView payload) {
    if (phase_ != Phase::open) {
        return;
    }
    if (full_) {
        // RFC 6455, 5.5.3: only the latest needs an answer.
        owed_pong_ = std::make_unique<Bytes>(as_text(payload));
        return;
    }
    write_control(Opcode::pong, payload);
}

void Connection::on_peer_close(const Decoder::Close& close) {
    note_end(close.code, close.reason);
    if (phase_ == Phase::open) {
        const std::string payload = websocket::close_payload(close.code, {});
        write_control(Opcode::close, as_bytes(payload));
    }
    begin_closing(Phase::answering);
}

void Connection::on_violation(const Decoder::Violation& violation) {
    note_end(violation.code, violation.what);
    if (phase_ == Phase::open) {
        const std::string payload = websocket::close_payload(violation.code, violation.what);
        write_control(Opcode::close, as_bytes(payload));
    }
    // Closing a socket with unread bytes resets it, and the close frame may never arrive: so these
    // are read, for a while, and thrown away.
    begin_closing(Phase::discarding);
}

// ---- writing

Outgoing& Connection::out() {
    if (!out_) {
        out_ = loop_.core().outgoing.take();
    }
    return *out_;
}

std::size_t Connection::queued_bytes() const {
    return out_ ? out_->left() : 0;
}

void Connection::end_writing() {
    if (out_) {
        loop_.core().outgoing.give_back(std::move(out_));
    }
}

std::optional<websocket::MaskKey> Connection::next_key() {
    if (options_->role() == Role::server) {
        return std::nullopt;
    }
    return loop_.core().mask_keys.next();
}

void Connection::begin(std::size_t size) {
    dropping_frame_ = phase_ != Phase::open;
    if (dropping_frame_) {
        return;
    }
    const std::optional<websocket::MaskKey> key = next_key();
    Outgoing& frame = out();
    frame.frame_key = key.value_or(websocket::MaskKey{});
    frame.frame_bytes = size;
    std::byte header[websocket::kMaxHeaderBytes];
    const std::size_t header_size = websocket::write_header(header, options_->kind(), size, key);
    frame.bytes.reserve(frame.bytes.size() + header_size + size);
    frame.bytes.append(reinterpret_cast<const char*>(header), header_size);
    frame.frame_start = frame.bytes.size();
}

void Connection::append(BytesView piece) {
    if (!dropping_frame_) {
        out_->bytes.append(as_text(piece));
    }
}

void Connection::end() {
    if (dropping_frame_) {
        return;
    }
    PARLEY_ASSERT(out_->bytes.size() - out_->frame_start == out_->frame_bytes);
    if (options_->role() == Role::client) {
        const auto written = std::as_writable_bytes(std::span(out_->bytes));
        websocket::apply_mask(written.subspan(out_->frame_start), out_->frame_key, 0);
    }
    full_ = full_ || queued_bytes() >= kWriteHighWater;
    schedule_flush();
}

void Connection::ping() {
    if (phase_ == Phase::open) {
        write_control(Opcode::ping, {});
    }
}

void Connection::write_control(Opcode opcode, BytesView payload) {
    websocket::append_frame(out().bytes, opcode, payload, next_key());
    full_ = full_ || queued_bytes() >= kWriteHighWater;
    schedule_flush();
}

void Connection::schedule_flush() {
    // While the socket takes nothing, on_ready() flushes.
    if (flush_scheduled_ || write_waits_ || write_wants_read_) {
        return;
    }
    flush_scheduled_ = true;
    loop_.at_turn_end([self = shared_from_this()] {
        self->flush_scheduled_ = false;
        self->flush();
    });
}

void Connection::flush() {
    if (phase_ == Phase::ended || !write_queued()) {
        return;
    }
    compact();
    if (full_ && queued_bytes() <= kWriteHighWater / 2) {
        make_room();
    }
    if (queued_bytes() == 0) {
        end_writing();
        on_drained();
    }
}

// Writes until all is written or the socket takes no more. False: the connection is lost.
bool Connection::write_queued() {
    while (queued_bytes() > 0) {
        const BytesView left = as_bytes(out_->bytes).subspan(out_->start);
        IoResult result = stream_.write(left);
        switch (result.state) {
            case State::done:
                loop_.core().traffic.bytes_sent.add(static_cast<std::int64_t>(result.bytes));
                out_->start += result.bytes;
                break;
            case State::want_write:
                write_waits_ = true;
                return true;
            case State::want_read:
                write_wants_read_ = true;
                return true;
            case State::ended:
            case State::failed:
                lost(result.what.empty() ? "connection lost" : std::move(result.what));
                return false;
        }
    }
    return true;
}

void Connection::compact() {
    if (out_ && out_->start > 0 && out_->start >= queued_bytes()) {
        out_->bytes.erase(0, out_->start);
        out_->start = 0;
    }
}

void Connection::make_room() {
    full_ = false;
    if (owed_pong_ && phase_ == Phase::open) {
        write_control(Opcode::pong, as_bytes(*owed_pong_));
    }
    owed_pong_.reset();
    // In a turn of its own: a peer that reads fast must not keep this one from ending.
    loop_.post([self = shared_from_this()] {
        if (self->has_room() && self->observer_ != nullptr) {
            self->observer_->on_room();
        }
    });
}

void Connection::on_drained() {
    if (phase_ == Phase::answering) {
        finish();
    } else if (phase_ == Phase::discarding && !std::exchange(shut_down_, true)) {
        stream_.shut_down_writing();
    }
}

// ---- ending

void Connection::close(std::uint16_t code, std::string_view reason) {
    if (phase_ != Phase::open) {
        return;
    }
    const std::string payload = websocket::close_payload(code, reason);
    write_control(Opcode::close, as_bytes(payload));
    begin_closing(Phase::closing);
}

void Connection::begin_closing(Phase phase) {
    phase_ = phase;
    if (!ending().limit.armed()) {
        ending().limit = loop_.call_at(
            loop_.now() + options_->close_timeout,
            [self = shared_from_this()] { self->lost("no answer to the close frame"); });
    }
    loop_.post([self = shared_from_this()] {
        self->resume_reading();
        // The close frame may have been written before its answer was due.
        if (self->phase_ == Phase::answering && self->queued_bytes() == 0) {
            self->finish();
        }
    });
}

Connection::Ending& Connection::ending() {
    if (!ending_) {
        ending_ = std::make_unique<Ending>();
    }
    return *ending_;
}

void Connection::note_end(std::uint16_t code, std::string reason) {
    if (!ending().told) {
        ending().told = io::ChannelEnd{code, std::move(reason)};
    }
}

void Connection::lost(std::string reason) {
    note_end(io::close_code::kAbnormal, std::move(reason));
    finish();
}

void Connection::finish() {
    if (phase_ == Phase::ended) {
        return;
    }
    const auto self = shared_from_this();
    if (phase_ == Phase::answering) {
        stream_.shut_down_writing();
    }
    release();
    if (observer_ != nullptr) {
        std::exchange(observer_, nullptr)->on_end(*ending().told);
    }
}

void Connection::drop() {
    observer_ = nullptr;
    if (phase_ != Phase::ended) {
        release();
    }
}

void Connection::release() {
    phase_ = Phase::ended;
    if (ending_) {
        ending_->limit.reset();
    }
    loop_.core().ready_set->remove(stream_.descriptor(), *this);
    stream_.close();
    held_.reset();
    owed_pong_.reset();
    end_writing();
    slot_.release();
}

}  // namespace parley::asio
