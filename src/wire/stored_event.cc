#include "wire/stored_event.h"

#include "base/assert.h"
#include "wire/convert.h"
#include "wire/json.h"
#include "wire/json_writer.h"
#include "wire/proto_bytes.h"

#include <array>

namespace parley::wire {

namespace {

// Field numbers of proto/parley/v1/wire.proto.
namespace event_field {
constexpr unsigned kSequence = 1, kAtMs = 2, kIncoming = 3, kSent = 4;
}
namespace message_field {
constexpr unsigned kMessageId = 1, kSenderId = 2, kHeaders = 5, kCreatedAtMs = 6, kAcceptedAtMs = 7,
                   kKey = 8;
}
constexpr unsigned kSentMessage = 1;
constexpr unsigned kFrameEvents = 3;   // ServerFrame.events
constexpr unsigned kEventsEvents = 1;  // Events.events
constexpr unsigned kEventsThrough = 2;

constexpr std::string_view kJsonHead = R"({"events":{"events":[)";
constexpr std::string_view kJsonMiddle = R"(],"through":")";
constexpr std::string_view kJsonTail = R"("}})";
constexpr std::size_t kSequenceDigits = 20;

unexpected corrupt(std::string_view what) {
    return unexpected(
        make_error(ErrorCode::server_error, "the stored event is corrupt: " + std::string(what)));
}

// Without what is stored in the body.
v1::Message head_of(const Message& message) {
    v1::Message out;
    out.set_message_id(message.message_id.value());
    out.set_sender_id(message.sender_id.value());
    out.set_created_at_ms(message.created_at_ms);
    out.set_idempotency_key(message.key.value());
    return out;
}

// One stored event, taken apart: the number of its kind and the fields of it.
struct Parts {
    unsigned kind = 0;
    std::string_view content;
};

Result<Parts> take_apart(std::string_view stored) {
    ProtoReader reader(stored);
    const auto field = reader.next();
    if (!field || field->type != WireType::nested || field->number < event_field::kIncoming ||
        field->number > 15 || !reader.rest().empty()) {
        return corrupt("it is not one kind of event");
    }
    return Parts{field->number, field->bytes};
}

// Checks the form of a Message's fields, so that nothing malformed leaves; fills `facts` if given.
bool check_fields(std::string_view bytes, ReceiptFacts* facts) {
    ProtoReader reader(bytes);
    while (const auto field = reader.next()) {
        const bool number = field->number == message_field::kCreatedAtMs ||
                            field->number == message_field::kAcceptedAtMs;
        if (field->number <= message_field::kKey &&
            field->type != (number ? WireType::varint : WireType::nested)) {
            return false;
        }
        if (field->type == WireType::nested && field->number != message_field::kHeaders &&
            field->number <= message_field::kKey && !is_utf8(field->bytes)) {
            return false;
        }
        if (facts == nullptr) {
            continue;
        }
        if (field->number == message_field::kMessageId) {
            facts->message_id = MessageId(std::string(field->bytes));
        } else if (field->number == message_field::kSenderId) {
            facts->sender_id = UserId(std::string(field->bytes));
        } else if (field->number == message_field::kKey) {
            facts->key = ChainKey(std::string(field->bytes));
        }
    }
    return !reader.malformed();
}

// The first field of a stored Sent is the head of its message, which the body completes.
struct SentParts {
    std::string_view message;
    std::string_view rest;
};

Result<SentParts> take_sent_apart(std::string_view content) {
    ProtoReader reader(content);
    const auto field = reader.next();
    if (!field || field->number != kSentMessage || field->type != WireType::nested) {
        return corrupt("a `sent` without its message");
    }
    const SentParts parts{field->bytes, reader.rest()};
    while (reader.next()) {
    }
    if (reader.malformed() || !check_fields(parts.message, nullptr)) {
        return corrupt("a field of a `sent`");
    }
    return parts;
}

void append_incoming(Bytes& out, std::string_view head, std::string_view body, WallTime at) {
    const auto at_ms = static_cast<std::uint64_t>(to_ms(at));
    const std::size_t time_size = at_ms == 0 ? 0 : 1 + varint_size(at_ms);
    append_nested_head(out, event_field::kIncoming, head.size() + body.size() + time_size);
    out.append(head).append(body);
    append_number(out, message_field::kAcceptedAtMs, at_ms);
}

void append_sent(Bytes& out, const SentParts& sent, std::string_view body) {
    const std::size_t message_size = sent.message.size() + body.size();
    append_nested_head(out, event_field::kSent,
                       1 + varint_size(message_size) + message_size + sent.rest.size());
    append_nested_head(out, kSentMessage, message_size);
    out.append(sent.message).append(body).append(sent.rest);
}

}  // namespace

Bytes encode_body(const Message& message) {
    v1::Message out;
    for (const UserId& id : message.recipient_ids) {
        out.add_recipient_ids(id.value());
    }
    out.set_text(message.text);
    for (const auto& [name, value] : message.headers) {
        (*out.mutable_headers())[name] = value;
    }
    return serialize(out);
}

Bytes encode_incoming(const Message& message) {
    v1::Event out;
    *out.mutable_incoming() = head_of(message);
    return serialize(out);
}

Bytes encode_sent(const Sent& sent) {
    v1::Event out;
    v1::Sent& into = *out.mutable_sent();
    *into.mutable_message() = head_of(sent.message);
    into.mutable_message()->set_accepted_at_ms(sent.message.accepted_at_ms);
    for (const UserId& id : sent.recipient_ids) {
        into.add_recipient_ids(id.value());
    }
    into.set_origin_device_id(sent.origin_device_id.value());
    for (const std::int64_t at : sent.recipient_accepted_at_ms) {
        into.add_recipient_accepted_at_ms(at);
    }
    return serialize(out);
}

Bytes encode_delivered(const Delivered& delivered) {
    v1::Event out;
    *out.mutable_delivered() = to_generated(delivered);
    return serialize(out);
}

Result<std::optional<ReceiptFacts>> receipt_facts(std::string_view stored) {
    auto parts = take_apart(stored);
    if (!parts) {
        return unexpected(std::move(parts).error());
    }
    if (parts->kind != event_field::kIncoming) {
        return std::optional<ReceiptFacts>();
    }
    ReceiptFacts facts;
    if (!check_fields(parts->content, &facts)) {
        return corrupt("a field of an `incoming`");
    }
    return std::optional(std::move(facts));
}

Result<Event> decode_stored(std::string_view stored) {
    auto parts = take_apart(stored);
    if (!parts) {
        return unexpected(std::move(parts).error());
    }
    v1::Event generated;
    if (!generated.ParseFromArray(stored.data(), static_cast<int>(stored.size()))) {
        return corrupt("it cannot be parsed");
    }
    return from_generated(std::move(generated));
}

const MessageId& message_id_of(const Event& event) {
    static const MessageId none;
    if (const auto* incoming = std::get_if<Incoming>(&event.kind)) {
        return incoming->message.message_id;
    }
    if (const auto* sent = std::get_if<Sent>(&event.kind)) {
        return sent->message.message_id;
    }
    const auto* delivered = std::get_if<Delivered>(&event.kind);
    return delivered != nullptr ? delivered->message_id : none;
}

Result<std::vector<UserId>> recipients_of(std::string_view body) {
    v1::Message message;
    if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
        return corrupt("its body cannot be parsed");
    }
    std::vector<UserId> recipients;
    for (std::string& id : *message.mutable_recipient_ids()) {
        recipients.emplace_back(std::move(id));
    }
    return recipients;
}

std::string_view kind_name(const Event& event) {
    constexpr std::array<std::string_view, 4> kNames{"unknown", "incoming", "sent", "delivered"};
    return kNames[event.kind.index()];
}

Result<std::shared_ptr<RenderedEvent>> RenderedEvent::make(Sequence sequence, WallTime at,
                                                           std::string_view stored,
                                                           std::string_view body) {
    auto parts = take_apart(stored);
    if (!parts) {
        return unexpected(std::move(parts).error());
    }
    if (!check_fields(body, nullptr)) {
        return corrupt("a field of its body");
    }
    auto rendered = std::make_shared<RenderedEvent>();
    rendered->sequence_ = sequence;
    Bytes event;
    event.reserve(stored.size() + body.size() + 40);
    append_number(event, event_field::kSequence, sequence.value());
    append_number(event, event_field::kAtMs, static_cast<std::uint64_t>(to_ms(at)));
    if (parts->kind == event_field::kIncoming) {
        rendered->receipt_.emplace();
        if (!check_fields(parts->content, &*rendered->receipt_)) {
            return corrupt("a field of an `incoming`");
        }
        append_incoming(event, parts->content, body, at);
    } else if (parts->kind == event_field::kSent) {
        auto sent = take_sent_apart(parts->content);
        if (!sent) {
            return unexpected(std::move(sent).error());
        }
        append_sent(event, *sent, body);
    } else {
        // `delivered`, or a kind of a later version, which clients skip.
        event.append(stored);
    }
    rendered->proto_.reserve(event.size() + 6);
    append_nested_head(rendered->proto_, kEventsEvents, event.size());
    rendered->proto_.append(event);
    return rendered;
}

const Bytes& RenderedEvent::bytes(Encoding encoding) {
    if (encoding == Encoding::proto) {
        return proto_;
    }
    if (json_.empty()) {
        ProtoReader reader(proto_);
        const auto field = reader.next();
        PARLEY_ASSERT(field);
        v1::Event generated;
        Event event;
        event.sequence = sequence_;
        // What make() cannot see to be corrupt is shown as a kind that nobody knows: the cursor
        // moves on.
        if (generated.ParseFromArray(field->bytes.data(), static_cast<int>(field->bytes.size()))) {
            event = from_generated(std::move(generated));
        }
        append_json(json_, event);
    }
    return json_;
}

void EventsFrame::add(std::shared_ptr<RenderedEvent> event) {
    bytes_ += event->bytes(encoding_).size();
    events_.push_back(std::move(event));
}

std::size_t EventsFrame::size_with(RenderedEvent& event) const {
    const std::size_t bytes = bytes_ + event.bytes(encoding_).size();
    if (encoding_ == Encoding::json) {
        return kJsonHead.size() + bytes + events_.size() + kJsonMiddle.size() + kSequenceDigits +
               kJsonTail.size();
    }
    constexpr std::size_t kThroughMost = 11;
    const std::size_t inner = bytes + kThroughMost;
    return 1 + varint_size(inner) + inner;
}

void EventsFrame::write(Sequence through, FrameSink& sink) {
    Bytes head;
    Bytes tail;
    std::size_t separators = 0;
    if (encoding_ == Encoding::json) {
        head = kJsonHead;
        tail.append(kJsonMiddle).append(std::to_string(through.value())).append(kJsonTail);
        separators = events_.empty() ? 0 : events_.size() - 1;
    } else {
        append_number(tail, kEventsThrough, through.value());
        append_nested_head(head, kFrameEvents, bytes_ + tail.size());
    }
    sink.begin(head.size() + bytes_ + separators + tail.size());
    sink.append(as_bytes(head));
    bool first = true;
    for (const auto& event : events_) {
        if (!first && encoding_ == Encoding::json) {
            sink.append(as_bytes(","));
        }
        first = false;
        sink.append(as_bytes(event->bytes(encoding_)));
    }
    sink.append(as_bytes(tail));
    sink.end();
}

}  // namespace parley::wire
