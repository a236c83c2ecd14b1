#include "wire/stored_event.h"

#include "base/assert.h"
#include "wire/convert.h"
#include "wire/hot_frames.h"
#include "wire/json.h"
#include "wire/json_writer.h"
#include "wire/proto_bytes.h"

#include <array>

namespace parley::wire {

namespace {

// Field numbers of proto/parley/v1/wire.proto.
namespace event_field {
constexpr unsigned kSequence = 1, kAtMs = 2, kIncoming = 3, kSent = 4, kDelivered = 5;
}
namespace sent_field {
constexpr unsigned kMessage = 1, kRecipientIds = 2, kOriginDeviceId = 3, kAcceptedAtMs = 4;
}
namespace delivered_field {
constexpr unsigned kMessageId = 1, kRecipientId = 2, kKey = 3, kAcceptedAtMs = 4;
}
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

// A message without what is stored in its body.
std::size_t head_size(const Message& message, std::int64_t accepted_at_ms) {
    return text_size(message.message_id.value()) + text_size(message.sender_id.value()) +
           number_size(message.created_at_ms) + number_size(accepted_at_ms) +
           text_size(message.key.value());
}

void append_head(Bytes& out, const Message& message, std::int64_t accepted_at_ms) {
    append_text(out, message_field::kMessageId, message.message_id.value());
    append_text(out, message_field::kSenderId, message.sender_id.value());
    append_number(out, message_field::kCreatedAtMs,
                  static_cast<std::uint64_t>(message.created_at_ms));
    append_number(out, message_field::kAcceptedAtMs, static_cast<std::uint64_t>(accepted_at_ms));
    append_text(out, message_field::kKey, message.key.value());
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

// Checks the form of a Message's fields, so that nothing malformed leaves.
bool check_fields(std::string_view bytes) {
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
    }
    return !reader.malformed();
}

// They are in the head of the message, and its body may name a thousand recipients.
void take_facts(std::string_view message, ReceiptFacts& facts) {
    ProtoReader reader(message);
    for (int missing = 3; missing > 0; --missing) {
        const auto field = reader.next();
        if (!field) {
            return;
        }
        if (field->number == message_field::kMessageId) {
            facts.message_id = field->bytes;
        } else if (field->number == message_field::kSenderId) {
            facts.sender_id = field->bytes;
        } else if (field->number == message_field::kKey) {
            facts.key = field->bytes;
        } else {
            ++missing;
        }
    }
}

// The first field of a stored Sent is the head of its message, which the body completes.
struct SentParts {
    std::string_view message;
    std::string_view rest;
};

Result<SentParts> take_sent_apart(std::string_view content) {
    ProtoReader reader(content);
    const auto field = reader.next();
    if (!field || field->number != sent_field::kMessage || field->type != WireType::nested) {
        return corrupt("a `sent` without its message");
    }
    const SentParts parts{field->bytes, reader.rest()};
    while (reader.next()) {
    }
    if (reader.malformed() || !check_fields(parts.message)) {
        return corrupt("a field of a `sent`");
    }
    return parts;
}

}  // namespace

Bytes encode_body(const Message& message) {
    std::size_t size = text_size(message.text);
    for (const UserId& id : message.recipient_ids) {
        size += nested_size(id.value().size());
    }
    for (const auto& [name, value] : message.headers) {
        size += nested_size(header_size(name, value));
    }
    Bytes out;
    out.reserve(size);
    for (const UserId& id : message.recipient_ids) {
        append_nested(out, message_field::kRecipientIds, id.value());
    }
    append_text(out, message_field::kText, message.text);
    for (const auto& [name, value] : message.headers) {
        append_nested_head(out, message_field::kHeaders, header_size(name, value));
        append_nested(out, header_field::kName, name);
        append_nested(out, header_field::kValue, value);
    }
    return out;
}

Bytes encode_incoming(const Message& message) {
    const std::size_t size = head_size(message, 0);
    Bytes out;
    out.reserve(nested_size(size));
    append_nested_head(out, event_field::kIncoming, size);
    append_head(out, message, 0);
    return out;
}

Bytes encode_sent(const Sent& sent) {
    return encode_sent(sent.message, sent.message.accepted_at_ms, sent.recipient_ids,
                       sent.recipient_accepted_at_ms, sent.origin_device_id);
}

Bytes encode_sent(const Message& message, std::int64_t accepted_at_ms,
                  std::span<const UserId> recipients,
                  std::span<const std::int64_t> recipient_accepted_at_ms, const DeviceId& origin) {
    const std::size_t head = head_size(message, accepted_at_ms);
    std::size_t times = 0;
    for (const std::int64_t at : recipient_accepted_at_ms) {
        times += varint_size(static_cast<std::uint64_t>(at));
    }
    std::size_t size =
        nested_size(head) + text_size(origin.value()) + (times == 0 ? 0 : nested_size(times));
    for (const UserId& id : recipients) {
        size += nested_size(id.value().size());
    }
    Bytes out;
    out.reserve(nested_size(size));
    append_nested_head(out, event_field::kSent, size);
    append_nested_head(out, sent_field::kMessage, head);
    append_head(out, message, accepted_at_ms);
    for (const UserId& id : recipients) {
        append_nested(out, sent_field::kRecipientIds, id.value());
    }
    append_text(out, sent_field::kOriginDeviceId, origin.value());
    if (times > 0) {
        append_nested_head(out, sent_field::kAcceptedAtMs, times);
        for (const std::int64_t at : recipient_accepted_at_ms) {
            append_varint(out, static_cast<std::uint64_t>(at));
        }
    }
    return out;
}

Bytes encode_delivered(const Delivered& delivered) {
    return encode_delivered(delivered.message_id.value(), delivered.recipient_id,
                            delivered.key.value(), delivered.accepted_at_ms);
}

Bytes encode_delivered(std::string_view message_id, const UserId& recipient, std::string_view key,
                       std::int64_t accepted_at_ms) {
    const std::size_t size = text_size(message_id) + text_size(recipient.value()) + text_size(key) +
                             number_size(accepted_at_ms);
    Bytes out;
    out.reserve(nested_size(size));
    append_nested_head(out, event_field::kDelivered, size);
    append_text(out, delivered_field::kMessageId, message_id);
    append_text(out, delivered_field::kRecipientId, recipient.value());
    append_text(out, delivered_field::kKey, key);
    append_number(out, delivered_field::kAcceptedAtMs, static_cast<std::uint64_t>(accepted_at_ms));
    return out;
}

Result<std::optional<ReceiptFacts>> receipt_facts(std::string_view stored, BytesFrom from) {
    auto parts = take_apart(stored);
    if (!parts) {
        return unexpected(std::move(parts).error());
    }
    if (parts->kind != event_field::kIncoming) {
        return std::optional<ReceiptFacts>();
    }
    if (from == BytesFrom::store && !check_fields(parts->content)) {
        return corrupt("a field of an `incoming`");
    }
    ReceiptFacts facts;
    take_facts(parts->content, facts);
    return std::optional(facts);
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
    return make(sequence, at, std::make_shared<const Bytes>(stored),
                body.empty() ? nullptr : std::make_shared<const Bytes>(body));
}

Result<std::shared_ptr<RenderedEvent>> RenderedEvent::make(Sequence sequence, WallTime at,
                                                           SharedBytes stored, SharedBytes body,
                                                           BytesFrom from) {
    auto parts = take_apart(*stored);
    if (!parts) {
        return unexpected(std::move(parts).error());
    }
    const std::string_view of_body = body ? std::string_view(*body) : "";
    const bool checked = from == BytesFrom::store;
    if (checked && !check_fields(of_body)) {
        return corrupt("a field of its body");
    }
    auto rendered = std::make_shared<RenderedEvent>();
    const auto begin = [&](std::size_t size) {
        Head& head = rendered->head_;
        append_nested_head(head, kEventsEvents,
                           number_size(static_cast<std::int64_t>(sequence.value())) +
                               number_size(to_ms(at)) + size);
        append_number(head, event_field::kSequence, sequence.value());
        append_number(head, event_field::kAtMs, static_cast<std::uint64_t>(to_ms(at)));
    };
    if (parts->kind == event_field::kIncoming) {
        if (checked && !check_fields(parts->content)) {
            return corrupt("a field of an `incoming`");
        }
        const std::size_t size = parts->content.size() + of_body.size() + number_size(to_ms(at));
        begin(nested_size(size));
        append_nested_head(rendered->head_, event_field::kIncoming, size);
        append_number(rendered->tail_, message_field::kAcceptedAtMs,
                      static_cast<std::uint64_t>(to_ms(at)));
        rendered->before_ = parts->content;
        rendered->body_ = std::move(body);
        rendered->is_incoming_ = true;
    } else if (parts->kind == event_field::kSent) {
        const auto sent = take_sent_apart(parts->content);
        if (!sent) {
            return unexpected(sent.error());
        }
        const std::size_t message = sent->message.size() + of_body.size();
        const std::size_t size = nested_size(message) + sent->rest.size();
        begin(nested_size(size));
        append_nested_head(rendered->head_, event_field::kSent, size);
        append_nested_head(rendered->head_, sent_field::kMessage, message);
        rendered->before_ = sent->message;
        rendered->body_ = std::move(body);
        rendered->after_ = sent->rest;
    } else {  // `delivered`, or a kind of a later version
        begin(stored->size());
        rendered->before_ = *stored;
    }
    rendered->sequence_ = sequence;
    rendered->stored_ = std::move(stored);
    return rendered;
}

std::size_t RenderedEvent::size(Encoding encoding) {
    if (encoding == Encoding::json) {
        return json().size();
    }
    return head_.view().size() + before_.size() + body().size() + after_.size() +
           tail_.view().size();
}

void RenderedEvent::append_to(FrameSink& sink, Encoding encoding) {
    if (encoding == Encoding::json) {
        return sink.append(as_bytes(json()));
    }
    for (const std::string_view piece : {head_.view(), before_, body(), after_, tail_.view()}) {
        if (!piece.empty()) {
            sink.append(as_bytes(piece));
        }
    }
}

const Bytes& RenderedEvent::json() {
    if (json_ == nullptr) {
        Bytes proto;
        proto.reserve(size(Encoding::proto));
        proto.append(head_.view()).append(before_).append(body()).append(after_);
        proto.append(tail_.view());
        ProtoReader reader(proto);
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
        json_ = std::make_unique<Bytes>();
        append_json(*json_, event);
    }
    return *json_;
}

void EventsFrame::add(std::shared_ptr<RenderedEvent> event) {
    bytes_ += event->size(encoding_);
    if (first_ == nullptr) {
        first_ = std::move(event);
    } else {
        more_.push_back(std::move(event));
    }
}

std::size_t EventsFrame::size_with(RenderedEvent& event) const {
    const std::size_t bytes = bytes_ + event.size(encoding_);
    if (encoding_ == Encoding::json) {
        return kJsonHead.size() + bytes + count() + kJsonMiddle.size() + kSequenceDigits +
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
        separators = more_.size();
    } else {
        append_number(tail, kEventsThrough, through.value());
        append_nested_head(head, kFrameEvents, bytes_ + tail.size());
    }
    sink.begin(head.size() + bytes_ + separators + tail.size());
    sink.append(as_bytes(head));
    if (first_ != nullptr) {
        first_->append_to(sink, encoding_);
    }
    for (const auto& event : more_) {
        if (encoding_ == Encoding::json) {
            sink.append(as_bytes(","));
        }
        event->append_to(sink, encoding_);
    }
    sink.append(as_bytes(tail));
    sink.end();
}

}  // namespace parley::wire
