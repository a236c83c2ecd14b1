#include "wire/hot_frames.h"

#include <algorithm>
#include <utility>

namespace parley::wire {
namespace {

using Field = ProtoReader::Field;

namespace frame_field {
constexpr unsigned kSubmit = 2, kAck = 3;  // of ClientFrame
constexpr unsigned kSubmitResult = 2;      // of ServerFrame
}  // namespace frame_field
namespace submit_field {
constexpr unsigned kMessage = 1, kOpenRecipientIds = 2;
}
namespace result_field {
constexpr unsigned kMessageId = 1, kAcceptedAtMs = 2, kRecipients = 3;
}
namespace recipient_field {
constexpr unsigned kRecipientId = 1, kDuplicate = 2, kAcceptedAtMs = 4;
}

// Which fields of a message came already.
class Once {
  public:
    bool operator()(std::uint32_t number) {
        const std::uint32_t bit = 1u << number;
        return (std::exchange(seen_, seen_ | bit) & bit) == 0;
    }

  private:
    std::uint32_t seen_ = 0;
};

bool is_text(const Field& field) {
    return field.type == WireType::nested && is_utf8(field.bytes);
}

bool read_header(std::string_view bytes, Headers& headers) {
    ProtoReader reader(bytes);
    const auto name = reader.next();
    const auto value = reader.next();
    return name && value && reader.rest().empty() && name->number == header_field::kName &&
           value->number == header_field::kValue && is_text(*name) && is_text(*value) &&
           headers.emplace(name->bytes, value->bytes).second;
}

bool read_field(const Field& field, Message& message, Once& once) {
    switch (field.number) {
        case message_field::kRecipientIds:
            message.recipient_ids.emplace_back(std::string(field.bytes));
            return is_text(field);
        case message_field::kHeaders:
            return field.type == WireType::nested && read_header(field.bytes, message.headers);
        case message_field::kCreatedAtMs:
            message.created_at_ms = static_cast<std::int64_t>(field.value);
            return field.type == WireType::varint && once(field.number);
        case message_field::kAcceptedAtMs:
            message.accepted_at_ms = static_cast<std::int64_t>(field.value);
            return field.type == WireType::varint && once(field.number);
        case message_field::kMessageId:
            message.message_id = MessageId(std::string(field.bytes));
            break;
        case message_field::kSenderId:
            message.sender_id = UserId(std::string(field.bytes));
            break;
        case message_field::kText:
            message.text = field.bytes;
            break;
        case message_field::kKey:
            message.key = ChainKey(std::string(field.bytes));
            break;
        default:
            return false;
    }
    return is_text(field) && once(field.number);
}

bool read_message(std::string_view bytes, Message& message) {
    ProtoReader reader(bytes);
    Once once;
    while (const auto field = reader.next()) {
        if (!read_field(*field, message, once)) {
            return false;
        }
    }
    return !reader.malformed();
}

std::optional<ClientFrame> read_submit(std::string_view bytes) {
    std::optional<ClientFrame> frame(std::in_place, std::in_place_type<Submit>);
    Submit& submit = std::get<Submit>(*frame);
    ProtoReader reader(bytes);
    Once once;
    while (const auto field = reader.next()) {
        if (field->number == submit_field::kMessage && field->type == WireType::nested &&
            once(field->number)) {
            if (!read_message(field->bytes, submit.message)) {
                return std::nullopt;
            }
        } else if (field->number == submit_field::kOpenRecipientIds && is_text(*field)) {
            submit.open_recipient_ids.emplace_back(std::string(field->bytes));
        } else {
            return std::nullopt;
        }
    }
    return reader.malformed() ? std::nullopt : std::move(frame);
}

std::optional<ClientFrame> read_ack(std::string_view bytes) {
    ProtoReader reader(bytes);
    const auto sequence = reader.next();
    if (!sequence || sequence->number != 1 || sequence->type != WireType::varint ||
        !reader.rest().empty()) {
        return std::nullopt;
    }
    return Ack{Sequence(sequence->value)};
}

std::size_t size_of(const RecipientResult& recipient) {
    return text_size(recipient.recipient_id.value()) + (recipient.duplicate ? 2 : 0) +
           number_size(recipient.accepted_at_ms);
}

}  // namespace

std::optional<ClientFrame> decode_usual(std::string_view frame) {
    ProtoReader reader(frame);
    const auto body = reader.next();
    if (!body || body->type != WireType::nested || !reader.rest().empty()) {
        return std::nullopt;
    }
    if (body->number == frame_field::kSubmit) {
        return read_submit(body->bytes);
    }
    return body->number == frame_field::kAck ? read_ack(body->bytes) : std::nullopt;
}

std::optional<Bytes> encode_accepted(const SubmitResult& result) {
    std::size_t size = text_size(result.message_id.value()) + number_size(result.accepted_at_ms);
    for (const RecipientResult& recipient : result.recipients) {
        if (recipient.error) {
            return std::nullopt;
        }
        size += nested_size(size_of(recipient));
    }
    if (result.error) {
        return std::nullopt;
    }
    std::optional<Bytes> out(std::in_place);
    out->reserve(nested_size(size));
    append_nested_head(*out, frame_field::kSubmitResult, size);
    append_text(*out, result_field::kMessageId, result.message_id.value());
    append_number(*out, result_field::kAcceptedAtMs,
                  static_cast<std::uint64_t>(result.accepted_at_ms));
    for (const RecipientResult& recipient : result.recipients) {
        append_nested_head(*out, result_field::kRecipients, size_of(recipient));
        append_text(*out, recipient_field::kRecipientId, recipient.recipient_id.value());
        append_number(*out, recipient_field::kDuplicate, recipient.duplicate ? 1 : 0);
        append_number(*out, recipient_field::kAcceptedAtMs,
                      static_cast<std::uint64_t>(recipient.accepted_at_ms));
    }
    return out;
}

}  // namespace parley::wire
