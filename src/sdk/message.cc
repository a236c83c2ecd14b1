#include "parley/message.h"

#include "adapters/asio/clock.h"
#include "adapters/asio/entropy.h"
#include "base/random.h"
#include "base/try.h"
#include "sdk/message_state.h"
#include "wire/frames.h"

#include <algorithm>
#include <set>
#include <utility>

namespace parley {

namespace sdk {

Message MessageAccess::make(MessageContent content) {
    return Message(std::make_shared<const MessageContent>(std::move(content)));
}

OutgoingMessage MessageAccess::make(std::shared_ptr<OutgoingState> state) {
    return OutgoingMessage(std::move(state));
}

}  // namespace sdk

namespace {

Error invalid(std::string description) {
    return make_error(ErrorCode::invalid_argument, std::move(description));
}

std::string new_message_id() {
    asio::SystemEntropy entropy;
    return UuidV7(entropy.seed()).make(to_ms(asio::SystemWallClock().now()));
}

// Repeated ids count once; the order of the first occurrences stays.
std::vector<std::string> collapsed(std::vector<std::string> ids) {
    std::set<std::string> seen;
    std::erase_if(ids, [&](const std::string& id) { return !seen.insert(id).second; });
    return ids;
}

Result<void> check(const sdk::MessageContent& content, const MessageLimits& limits) {
    if (content.recipient_ids.empty()) {
        return unexpected(invalid("recipients: none given; a message needs at least one"));
    }
    if (content.recipient_ids.size() > limits.recipients) {
        return unexpected(invalid("recipients: at most " + std::to_string(limits.recipients) +
                                  " per message, found " +
                                  std::to_string(content.recipient_ids.size())));
    }
    std::size_t id_bytes = 0;
    for (const std::string& id : content.recipient_ids) {
        if (!wire::is_user_id(id)) {
            return unexpected(
                invalid("recipient id: must be 1 to 255 printable ASCII characters without space, "
                        "found one of " +
                        std::to_string(id.size()) + " bytes that is not"));
        }
        id_bytes += id.size();
    }
    if (id_bytes > limits.recipient_bytes) {
        return unexpected(invalid("recipients: their ids may have " +
                                  std::to_string(limits.recipient_bytes) +
                                  " bytes together, found " + std::to_string(id_bytes)));
    }
    if (content.text.size() > limits.text_bytes) {
        return unexpected(invalid("text: at most " + std::to_string(limits.text_bytes) +
                                  " bytes, found " + std::to_string(content.text.size())));
    }
    if (!wire::is_utf8(content.text)) {
        return unexpected(invalid("text: must be valid UTF-8"));
    }
    const std::size_t header_bytes = wire::header_bytes(content.headers);
    if (header_bytes > limits.header_bytes) {
        return unexpected(invalid("headers: keys and values may have " +
                                  std::to_string(limits.header_bytes) + " bytes together, found " +
                                  std::to_string(header_bytes)));
    }
    return {};
}

Result<std::shared_ptr<sdk::OutgoingState>> make_state(std::vector<std::string> recipient_ids,
                                                       std::string text, Headers headers,
                                                       const MessageLimits& limits) {
    auto state = std::make_shared<sdk::OutgoingState>();
    state->content.recipient_ids = collapsed(std::move(recipient_ids));
    state->content.text = std::move(text);
    state->content.headers = std::move(headers);
    state->limits = limits;
    PARLEY_CHECK(check(state->content, limits));
    state->content.message_id = new_message_id();
    return state;
}

Result<std::shared_ptr<sdk::OutgoingState>> make_copy(const sdk::MessageContent& original,
                                                      const MessageLimits& limits) {
    PARLEY_TRY(auto state,
               make_state(original.recipient_ids, original.text, original.headers, limits));
    state->copy_of = original.message_id;
    // R11: decided now, by the client that knows the original; else at send.
    if (const auto origin = original.origin.lock()) {
        if (auto chain = origin->chain_for_copy_of(original.message_id)) {
            state->decider = origin;
            state->chain = *std::move(chain);
        }
    }
    return state;
}

}  // namespace

// ---- Message

Message::Message(std::shared_ptr<const sdk::MessageContent> content)
    : content_(std::move(content)) {}
Message::Message(const Message&) = default;
// A moved-from message stays readable: it has no empty state that its functions would have to
// check.
Message::Message(Message&& other) noexcept : content_(other.content_) {}
Message& Message::operator=(const Message&) = default;
Message& Message::operator=(Message&& other) noexcept {
    content_ = other.content_;
    return *this;
}
Message::~Message() = default;

const std::string& Message::message_id() const {
    return content_->message_id;
}
const std::vector<std::string>& Message::recipient_ids() const {
    return content_->recipient_ids;
}
const std::string& Message::sender_id() const {
    return content_->sender_id;
}
const std::string& Message::text() const {
    return content_->text;
}
const Headers& Message::headers() const {
    return content_->headers;
}
std::optional<std::chrono::system_clock::time_point> Message::timestamp() const {
    return content_->timestamp;
}

// ---- OutgoingMessage

OutgoingMessage::OutgoingMessage(std::shared_ptr<sdk::OutgoingState> state)
    : state_(std::move(state)) {}
OutgoingMessage::OutgoingMessage(const OutgoingMessage&) = default;
OutgoingMessage::OutgoingMessage(OutgoingMessage&& other) noexcept : state_(other.state_) {}
OutgoingMessage& OutgoingMessage::operator=(const OutgoingMessage&) = default;
OutgoingMessage& OutgoingMessage::operator=(OutgoingMessage&& other) noexcept {
    state_ = other.state_;
    return *this;
}
OutgoingMessage::~OutgoingMessage() = default;

Result<OutgoingMessage> OutgoingMessage::message_with_recipient(std::string recipient_id,
                                                                std::string text,
                                                                const MessageLimits& limits) {
    std::vector<std::string> recipient_ids;
    recipient_ids.push_back(std::move(recipient_id));
    return message_with_recipients(std::move(recipient_ids), std::move(text), limits);
}

Result<OutgoingMessage> OutgoingMessage::message_with_recipients(
    std::vector<std::string> recipient_ids, std::string text, const MessageLimits& limits) {
    PARLEY_TRY(auto state, make_state(std::move(recipient_ids), std::move(text), {}, limits));
    return OutgoingMessage(std::move(state));
}

Result<OutgoingMessage> OutgoingMessage::message_with_message(const Message& original,
                                                              const MessageLimits& limits) {
    PARLEY_TRY(auto state, make_copy(sdk::MessageAccess::content(original), limits));
    return OutgoingMessage(std::move(state));
}

Result<OutgoingMessage> OutgoingMessage::message_with_message(const OutgoingMessage& original,
                                                              const MessageLimits& limits) {
    PARLEY_TRY(auto state, make_copy(original.state_->content, limits));
    return OutgoingMessage(std::move(state));
}

Result<void> OutgoingMessage::add_header(std::string value, std::string key) {
    if (is_sent()) {
        return unexpected(make_error(ErrorCode::message_stale,
                                     "the message was sent and can no longer be changed; make a "
                                     "copy of it with message_with_message"));
    }
    if (key.empty()) {
        return unexpected(invalid("header key: must not be empty"));
    }
    if (!wire::is_utf8(key) || !wire::is_utf8(value)) {
        return unexpected(invalid("header: key and value must be valid UTF-8"));
    }
    Headers& headers = state_->content.headers;
    std::size_t bytes = wire::header_bytes(headers) + key.size() + value.size();
    if (const auto old = headers.find(key); old != headers.end()) {
        bytes -= old->first.size() + old->second.size();
    }
    if (bytes > state_->limits.header_bytes) {
        return unexpected(invalid(
            "headers: keys and values may have " + std::to_string(state_->limits.header_bytes) +
            " bytes together, with this one they would have " + std::to_string(bytes)));
    }
    headers.insert_or_assign(std::move(key), std::move(value));
    return {};
}

const std::string& OutgoingMessage::message_id() const {
    return state_->content.message_id;
}
const std::vector<std::string>& OutgoingMessage::recipient_ids() const {
    return state_->content.recipient_ids;
}
const std::string& OutgoingMessage::text() const {
    return state_->content.text;
}
const Headers& OutgoingMessage::headers() const {
    return state_->content.headers;
}
bool OutgoingMessage::is_sent() const {
    return state_->sent.load();
}

}  // namespace parley
