#include "wire/convert.h"

#include "base/assert.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <iterator>

namespace parley::wire {

namespace {

using wire::to_generated;  // Overloaded below.

std::uint32_t to_seconds(std::chrono::seconds value) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value.count(), 0, UINT32_MAX));
}

v1::Limits to_generated(const Limits& limits) {
    v1::Limits out;
    out.set_text_bytes(limits.text_bytes);
    out.set_header_bytes(limits.header_bytes);
    out.set_recipients(limits.recipients);
    out.set_recipient_bytes(limits.recipient_bytes);
    out.set_inflight_submissions(limits.inflight_submissions);
    out.set_inflight_bytes(limits.inflight_bytes);
    out.set_unacked_events(limits.unacked_events);
    out.set_frame_bytes(limits.frame_bytes);
    out.set_retry_window_s(to_seconds(limits.retry_window));
    out.set_retention_s(to_seconds(limits.retention));
    out.set_dedupe_horizon_s(to_seconds(limits.dedupe_horizon));
    out.set_ping_interval_s(to_seconds(limits.ping_interval));
    return out;
}

// A limit that was not told keeps its default.
Limits from_generated(const v1::Limits& limits) {
    Limits out;
    const auto take = [](auto& into, std::uint32_t told) {
        if (told != 0) {
            into = std::remove_reference_t<decltype(into)>(told);
        }
    };
    take(out.text_bytes, limits.text_bytes());
    take(out.header_bytes, limits.header_bytes());
    take(out.recipients, limits.recipients());
    take(out.recipient_bytes, limits.recipient_bytes());
    take(out.inflight_submissions, limits.inflight_submissions());
    take(out.inflight_bytes, limits.inflight_bytes());
    take(out.unacked_events, limits.unacked_events());
    take(out.frame_bytes, limits.frame_bytes());
    take(out.retry_window, limits.retry_window_s());
    take(out.retention, limits.retention_s());
    take(out.dedupe_horizon, limits.dedupe_horizon_s());
    take(out.ping_interval, limits.ping_interval_s());
    return out;
}

ErrorDomain domain_from(std::string_view name) {
    for (const ErrorDomain domain :
         {ErrorDomain::network, ErrorDomain::capability, ErrorDomain::session}) {
        if (to_string(domain) == name) {
            return domain;
        }
    }
    return ErrorDomain::other;
}

// Numbers that this version does not know are kept: the app may know them.
Error from_generated(v1::Error&& error) {
    Error out{domain_from(error.domain()), static_cast<ErrorCode>(error.code()),
              std::move(*error.mutable_description()), error.retryable()};
    if (out.description.empty()) {
        out.description = "the server gave no description";
    }
    return out;
}

Cursor from_generated(v1::Cursor&& cursor) {
    return {Epoch(std::move(*cursor.mutable_epoch())), Sequence(cursor.sequence())};
}

template <typename Repeated>
std::vector<UserId> take_users(Repeated& ids) {
    std::vector<UserId> out;
    out.reserve(static_cast<std::size_t>(ids.size()));
    for (std::string& id : ids) {
        out.emplace_back(std::move(id));
    }
    return out;
}

template <typename Repeated>
std::vector<std::string> take_texts(Repeated& texts) {
    return {std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end())};
}

Message from_generated(v1::Message&& message) {
    Message out;
    out.message_id = MessageId(std::move(*message.mutable_message_id()));
    out.sender_id = UserId(std::move(*message.mutable_sender_id()));
    out.recipient_ids = take_users(*message.mutable_recipient_ids());
    out.text = std::move(*message.mutable_text());
    for (auto& [name, value] : *message.mutable_headers()) {
        out.headers.emplace(name, std::move(value));
    }
    out.created_at_ms = message.created_at_ms();
    out.accepted_at_ms = message.accepted_at_ms();
    out.key = ChainKey(std::move(*message.mutable_idempotency_key()));
    return out;
}

Hello from_generated(v1::Hello&& hello) {
    Hello out;
    out.token = std::move(*hello.mutable_token());
    out.device_id = DeviceId(std::move(*hello.mutable_device_id()));
    if (hello.has_cursor()) {
        out.cursor = from_generated(std::move(*hello.mutable_cursor()));
    }
    out.supports_messaging = hello.supports_messaging();
    out.sdk = std::move(*hello.mutable_sdk());
    out.features = take_texts(*hello.mutable_features());
    return out;
}

Submit from_generated(v1::Submit&& submit) {
    return {from_generated(std::move(*submit.mutable_message())),
            take_users(*submit.mutable_open_recipient_ids())};
}

Welcome from_generated(v1::Welcome&& welcome) {
    Welcome out;
    out.user_id = UserId(std::move(*welcome.mutable_user_id()));
    out.session_id = std::move(*welcome.mutable_session_id());
    out.head = from_generated(std::move(*welcome.mutable_head()));
    out.cursor_accepted = welcome.cursor_accepted();
    out.server_time_ms = welcome.server_time_ms();
    out.limits = from_generated(welcome.limits());
    out.session_ends_at_ms = welcome.session_ends_at_ms();
    out.features = take_texts(*welcome.mutable_features());
    return out;
}

SubmitResult from_generated(v1::SubmitResult&& result) {
    SubmitResult out;
    out.message_id = MessageId(std::move(*result.mutable_message_id()));
    out.accepted_at_ms = result.accepted_at_ms();
    out.recipients.reserve(static_cast<std::size_t>(result.recipients_size()));
    for (v1::RecipientResult& one : *result.mutable_recipients()) {
        RecipientResult& into = out.recipients.emplace_back();
        into.recipient_id = UserId(std::move(*one.mutable_recipient_id()));
        into.duplicate = one.duplicate();
        if (one.has_error()) {
            into.error = from_generated(std::move(*one.mutable_error()));
        }
        into.accepted_at_ms = one.accepted_at_ms();
    }
    if (result.has_error()) {
        out.error = from_generated(std::move(*result.mutable_error()));
    }
    return out;
}

Sent from_generated(v1::Sent&& sent) {
    Sent out;
    out.message = from_generated(std::move(*sent.mutable_message()));
    out.recipient_ids = take_users(*sent.mutable_recipient_ids());
    out.origin_device_id = DeviceId(std::move(*sent.mutable_origin_device_id()));
    const auto& times = sent.recipient_accepted_at_ms();
    out.recipient_accepted_at_ms.assign(times.begin(), times.end());
    // Parallel lists stay parallel, whatever came.
    out.recipient_accepted_at_ms.resize(out.recipient_ids.size());
    return out;
}

Delivered from_generated(v1::Delivered&& delivered) {
    return {MessageId(std::move(*delivered.mutable_message_id())),
            UserId(std::move(*delivered.mutable_recipient_id())),
            ChainKey(std::move(*delivered.mutable_idempotency_key())), delivered.accepted_at_ms()};
}

Goodbye from_generated(v1::Goodbye&& goodbye) {
    return {from_generated(std::move(*goodbye.mutable_error())), goodbye.reconnect_after_ms()};
}

v1::Event to_generated(const Event& event) {
    v1::Event out;
    out.set_sequence(event.sequence.value());
    out.set_at_ms(event.at_ms);
    if (const auto* incoming = std::get_if<Incoming>(&event.kind)) {
        *out.mutable_incoming() = to_generated(incoming->message);
    } else if (const auto* sent = std::get_if<Sent>(&event.kind)) {
        *out.mutable_sent() = to_generated(*sent);
    } else if (const auto* delivered = std::get_if<Delivered>(&event.kind)) {
        *out.mutable_delivered() = to_generated(*delivered);
    }
    return out;
}

struct ClientBody {
    v1::ClientFrame& out;

    void operator()(const Hello& hello) const {
        v1::Hello& into = *out.mutable_hello();
        into.set_token(hello.token);
        into.set_device_id(hello.device_id.value());
        if (hello.cursor) {
            *into.mutable_cursor() = to_generated(*hello.cursor);
        }
        into.set_supports_messaging(hello.supports_messaging);
        into.set_sdk(hello.sdk);
        for (const std::string& feature : hello.features) {
            into.add_features(feature);
        }
    }
    void operator()(const Submit& submit) const {
        v1::Submit& into = *out.mutable_submit();
        *into.mutable_message() = to_generated(submit.message);
        for (const UserId& id : submit.open_recipient_ids) {
            into.add_open_recipient_ids(id.value());
        }
    }
    void operator()(const Ack& ack) const { out.mutable_ack()->set_sequence(ack.sequence.value()); }
    void operator()(const Refresh& refresh) const {
        out.mutable_refresh()->set_token(refresh.token);
    }
};

struct ServerBody {
    v1::ServerFrame& out;

    void operator()(const UnknownFrame&) const {}
    void operator()(const Welcome& welcome) const {
        v1::Welcome& into = *out.mutable_welcome();
        into.set_user_id(welcome.user_id.value());
        into.set_session_id(welcome.session_id);
        *into.mutable_head() = to_generated(welcome.head);
        into.set_cursor_accepted(welcome.cursor_accepted);
        into.set_server_time_ms(welcome.server_time_ms);
        *into.mutable_limits() = to_generated(welcome.limits);
        into.set_session_ends_at_ms(welcome.session_ends_at_ms);
        for (const std::string& feature : welcome.features) {
            into.add_features(feature);
        }
    }
    void operator()(const SubmitResult& result) const {
        v1::SubmitResult& into = *out.mutable_submit_result();
        into.set_message_id(result.message_id.value());
        into.set_accepted_at_ms(result.accepted_at_ms);
        for (const RecipientResult& one : result.recipients) {
            v1::RecipientResult& recipient = *into.add_recipients();
            recipient.set_recipient_id(one.recipient_id.value());
            recipient.set_duplicate(one.duplicate);
            if (one.error) {
                *recipient.mutable_error() = to_generated(*one.error);
            }
            recipient.set_accepted_at_ms(one.accepted_at_ms);
        }
        if (result.error) {
            *into.mutable_error() = to_generated(*result.error);
        }
    }
    void operator()(const Events& events) const {
        v1::Events& into = *out.mutable_events();
        for (const Event& event : events.events) {
            *into.add_events() = to_generated(event);
        }
        into.set_through(events.through.value());
    }
    void operator()(const Goodbye& goodbye) const {
        *out.mutable_goodbye()->mutable_error() = to_generated(goodbye.error);
        out.mutable_goodbye()->set_reconnect_after_ms(goodbye.reconnect_after_ms);
    }
    void operator()(const Refreshed& refreshed) const {
        out.mutable_refreshed()->set_session_ends_at_ms(refreshed.session_ends_at_ms);
    }
};

}  // namespace

v1::Message to_generated(const Message& message) {
    v1::Message out;
    out.set_message_id(message.message_id.value());
    out.set_sender_id(message.sender_id.value());
    for (const UserId& id : message.recipient_ids) {
        out.add_recipient_ids(id.value());
    }
    out.set_text(message.text);
    for (const auto& [name, value] : message.headers) {
        (*out.mutable_headers())[name] = value;
    }
    out.set_created_at_ms(message.created_at_ms);
    out.set_accepted_at_ms(message.accepted_at_ms);
    out.set_idempotency_key(message.key.value());
    return out;
}

v1::Cursor to_generated(const Cursor& cursor) {
    v1::Cursor out;
    out.set_epoch(cursor.epoch.value());
    out.set_sequence(cursor.sequence.value());
    return out;
}

v1::Error to_generated(const Error& error) {
    v1::Error out;
    const std::string_view domain = to_string(error.domain);
    out.set_domain(domain.data(), domain.size());
    out.set_code(static_cast<int>(error.code));
    out.set_description(error.description);
    out.set_retryable(error.retryable);
    return out;
}

v1::Sent to_generated(const Sent& sent) {
    v1::Sent out;
    *out.mutable_message() = to_generated(sent.message);
    for (const UserId& id : sent.recipient_ids) {
        out.add_recipient_ids(id.value());
    }
    out.set_origin_device_id(sent.origin_device_id.value());
    for (const std::int64_t at : sent.recipient_accepted_at_ms) {
        out.add_recipient_accepted_at_ms(at);
    }
    return out;
}

v1::Delivered to_generated(const Delivered& delivered) {
    v1::Delivered out;
    out.set_message_id(delivered.message_id.value());
    out.set_recipient_id(delivered.recipient_id.value());
    out.set_idempotency_key(delivered.key.value());
    out.set_accepted_at_ms(delivered.accepted_at_ms);
    return out;
}

v1::ClientFrame to_generated(const ClientFrame& frame) {
    v1::ClientFrame out;
    std::visit(ClientBody{out}, frame);
    return out;
}

v1::ServerFrame to_generated(const ServerFrame& frame) {
    v1::ServerFrame out;
    std::visit(ServerBody{out}, frame);
    return out;
}

std::optional<ClientFrame> from_generated(v1::ClientFrame&& frame) {
    switch (frame.body_case()) {
        case v1::ClientFrame::kHello:
            return from_generated(std::move(*frame.mutable_hello()));
        case v1::ClientFrame::kSubmit:
            return from_generated(std::move(*frame.mutable_submit()));
        case v1::ClientFrame::kAck:
            return Ack{Sequence(frame.ack().sequence())};
        case v1::ClientFrame::kRefresh:
            return Refresh{std::move(*frame.mutable_refresh()->mutable_token())};
        case v1::ClientFrame::BODY_NOT_SET:
            break;
    }
    return std::nullopt;
}

Event from_generated(v1::Event&& event) {
    Event out;
    out.sequence = Sequence(event.sequence());
    out.at_ms = event.at_ms();
    switch (event.kind_case()) {
        case v1::Event::kIncoming:
            out.kind = Incoming{from_generated(std::move(*event.mutable_incoming()))};
            break;
        case v1::Event::kSent:
            out.kind = from_generated(std::move(*event.mutable_sent()));
            break;
        case v1::Event::kDelivered:
            out.kind = from_generated(std::move(*event.mutable_delivered()));
            break;
        case v1::Event::KIND_NOT_SET:
            break;
    }
    return out;
}

ServerFrame from_generated(v1::ServerFrame&& frame) {
    switch (frame.body_case()) {
        case v1::ServerFrame::kWelcome:
            return from_generated(std::move(*frame.mutable_welcome()));
        case v1::ServerFrame::kSubmitResult:
            return from_generated(std::move(*frame.mutable_submit_result()));
        case v1::ServerFrame::kEvents: {
            Events out;
            v1::Events& events = *frame.mutable_events();
            out.events.reserve(static_cast<std::size_t>(events.events_size()));
            for (v1::Event& event : *events.mutable_events()) {
                out.events.push_back(from_generated(std::move(event)));
            }
            out.through = Sequence(events.through());
            return out;
        }
        case v1::ServerFrame::kGoodbye:
            return from_generated(std::move(*frame.mutable_goodbye()));
        case v1::ServerFrame::kRefreshed:
            return Refreshed{frame.refreshed().session_ends_at_ms()};
        case v1::ServerFrame::BODY_NOT_SET:
            break;
    }
    return UnknownFrame{};
}

Bytes serialize(const google::protobuf::MessageLite& message) {
    Bytes out(message.ByteSizeLong(), '\0');
    google::protobuf::io::ArrayOutputStream array(out.data(), static_cast<int>(out.size()));
    google::protobuf::io::CodedOutputStream stream(&array);
    stream.SetSerializationDeterministic(true);
    message.SerializeWithCachedSizes(&stream);
    PARLEY_ASSERT(!stream.HadError());
    return out;
}

}  // namespace parley::wire
