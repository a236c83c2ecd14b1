#include "client/convert.h"

#include <utility>

namespace parley::client {
namespace {

Message to_message(wire::Message message) {
    Message out;
    // An absent key means the id (wire.proto).
    out.key =
        message.key.value().empty() ? ChainKey(message.message_id.value()) : std::move(message.key);
    out.id = std::move(message.message_id);
    out.sender = std::move(message.sender_id);
    out.recipients = std::move(message.recipient_ids);
    out.text = std::move(message.text);
    out.headers = std::move(message.headers);
    out.created_at_ms = message.created_at_ms;
    out.accepted_at_ms = message.accepted_at_ms;
    return out;
}

SentEvent to_sent(wire::Sent sent) {
    SentEvent event{to_message(std::move(sent.message)), {}};
    for (std::size_t i = 0; i < sent.recipient_ids.size(); ++i) {
        const bool told = i < sent.recipient_accepted_at_ms.size();
        event.accepted.push_back(
            {std::move(sent.recipient_ids[i]),
             told ? sent.recipient_accepted_at_ms[i] : event.message.accepted_at_ms});
    }
    return event;
}

std::size_t message_bytes(const wire::Message& message) {
    std::size_t bytes = message.text.size() + wire::header_bytes(message.headers);
    for (const UserId& recipient : message.recipient_ids) {
        bytes += recipient.value().size() + sizeof(UserId);
    }
    return bytes;
}

}  // namespace

wire::Submit to_submit(const Message& message, const std::vector<UserId>& open) {
    wire::Submit submit;
    submit.message.message_id = message.id;
    submit.message.recipient_ids = message.recipients;
    submit.message.text = message.text;
    submit.message.headers = message.headers;
    submit.message.created_at_ms = message.created_at_ms;
    if (message.key.value() != message.id.value()) {
        submit.message.key = message.key;
    }
    if (open.size() < message.recipients.size()) {
        submit.open_recipient_ids = open;
    }
    return submit;
}

Answer to_answer(wire::SubmitResult result) {
    Answer answer{std::move(result.message_id), {}, std::move(result.error)};
    for (wire::RecipientResult& recipient : result.recipients) {
        answer.recipients.push_back(
            {std::move(recipient.recipient_id), std::move(recipient.error),
             recipient.accepted_at_ms != 0 ? recipient.accepted_at_ms : result.accepted_at_ms});
    }
    return answer;
}

std::optional<StoredEvent> to_stored(wire::Event event) {
    if (auto* incoming = std::get_if<wire::Incoming>(&event.kind)) {
        return StoredEvent{event.at_ms, IncomingEvent{to_message(std::move(incoming->message))}};
    }
    if (auto* sent = std::get_if<wire::Sent>(&event.kind)) {
        return StoredEvent{event.at_ms, to_sent(std::move(*sent))};
    }
    if (auto* delivered = std::get_if<wire::Delivered>(&event.kind)) {
        ChainKey key = delivered->key.value().empty() ? ChainKey(delivered->message_id.value())
                                                      : std::move(delivered->key);
        return StoredEvent{event.at_ms,
                           DeliveredEvent{std::move(key), std::move(delivered->recipient_id),
                                          delivered->accepted_at_ms}};
    }
    return std::nullopt;
}

std::size_t event_bytes(const wire::Event& event) {
    std::size_t bytes = sizeof(wire::Event);
    if (const auto* incoming = std::get_if<wire::Incoming>(&event.kind)) {
        bytes += message_bytes(incoming->message);
    } else if (const auto* sent = std::get_if<wire::Sent>(&event.kind)) {
        bytes += message_bytes(sent->message);
    }
    return bytes;
}

}  // namespace parley::client
