#pragma once

#include "parley/export.h"
#include "parley/result.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley {

namespace sdk {
struct MessageContent;
struct MessageAccess;
struct OutgoingState;
}  // namespace sdk

// Small strings of the app that travel with the text, by key. Their order means nothing.
using Headers = std::map<std::string, std::string>;

// How large a message may be. The values here are what a server allows by default;
// MessageClient::limits() tells what the server in use allows.
struct MessageLimits {
    std::size_t text_bytes = 64 * 1024;       // of the text in UTF-8
    std::size_t header_bytes = 4 * 1024;      // keys plus values of all headers, in UTF-8
    std::size_t recipients = 1000;            // different ones
    std::size_t recipient_bytes = 64 * 1024;  // their ids together
};

// A message as the SDK hands it to the app: incoming, or sent by this user from any device. (The
// original: SINMessage.)
//
// A value that never changes: copies are cheap, share the content and may be kept and read on any
// thread, also after the client has gone. The references that its functions return live as long as
// this object or a copy of it.
class PARLEY_EXPORT Message {
  public:
    // Made by the sender's SDK when the message object was constructed; the same on every device
    // that sees the message. The key to store it under.
    const std::string& message_id() const;
    // All recipients, so that a recipient sees who else got the message. Never empty.
    const std::vector<std::string>& recipient_ids() const;
    const std::string& sender_id() const;
    // Valid UTF-8; may be empty.
    const std::string& text() const;
    const Headers& headers() const;
    // When the server accepted the message, by the server's clock. Nothing for a message that was
    // not accepted for anyone, as far as this device knows.
    std::optional<std::chrono::system_clock::time_point> timestamp() const;

    Message(const Message&);
    Message(Message&&) noexcept;
    Message& operator=(const Message&);
    Message& operator=(Message&&) noexcept;
    ~Message();

  private:
    friend struct sdk::MessageAccess;
    explicit Message(std::shared_ptr<const sdk::MessageContent> content);
    std::shared_ptr<const sdk::MessageContent> content_;
};

// A message that the app writes, to be sent once. (The original: SINOutgoingMessage.)
//
// A handle: copies of it are the same message with the same id, and when one was sent all were.
// Making, reading and copying it needs no client. One thread at a time may use one message, apart
// from reading after it was sent.
//
// The checks below use `limits`. Where the server in use allows less, send_message refuses; where
// it allows more, pass MessageClient::limits().
class PARLEY_EXPORT OutgoingMessage {
  public:
    // A message to one user. A new message id is made here. Errors: invalid_argument, which names
    // what is wrong: the recipient id (1 to 255 bytes, printable ASCII without space) or the text
    // (valid UTF-8, within the limit; it may be empty).
    static Result<OutgoingMessage> message_with_recipient(std::string recipient_id,
                                                          std::string text,
                                                          const MessageLimits& limits = {});

    // A message to several users: one message with one id, and all that happens to it is told once
    // per recipient. Repeated ids count once. Errors: as above, and no recipient or too many.
    static Result<OutgoingMessage> message_with_recipients(std::vector<std::string> recipient_ids,
                                                           std::string text,
                                                           const MessageLimits& limits = {});

    // A new message with the recipients, text and headers of `original` and an id of its own: the
    // way to try again after a failure in the network domain, because a message object that was
    // sent is stale.
    //
    // Whether it counts as *the same* message is decided here, at this moment (spec/semantics.md,
    // R11): a copy of a message that this device sent and that may not have reached everybody
    // continues it, so that a recipient who has it already does not get it twice. A copy of
    // anything else is a message of its own. When the client that knows the original is gone,
    // send_message of the other client decides in the same way, from the original's id.
    //
    // Reads the local store when a client knows the original, so it may wait for the disk. May be
    // called in callbacks. Never fails for a message that came from the SDK; errors:
    // invalid_argument if the original is over `limits`.
    static Result<OutgoingMessage> message_with_message(const Message& original,
                                                        const MessageLimits& limits = {});
    static Result<OutgoingMessage> message_with_message(const OutgoingMessage& original,
                                                        const MessageLimits& limits = {});

    // Adds a header, or replaces the value of one with this key; the value comes first, as in the
    // original. Errors, which leave the message as it was: invalid_argument if the key is empty,
    // one of the two is not valid UTF-8, or all keys and values together would exceed
    // limits.header_bytes; message_stale if the message was sent before.
    Result<void> add_header(std::string value, std::string key);

    const std::string& message_id() const;
    const std::vector<std::string>& recipient_ids() const;
    const std::string& text() const;
    const Headers& headers() const;
    // True once send_message took it; it cannot be sent again.
    bool is_sent() const;

    OutgoingMessage(const OutgoingMessage&);
    OutgoingMessage(OutgoingMessage&&) noexcept;
    OutgoingMessage& operator=(const OutgoingMessage&);
    OutgoingMessage& operator=(OutgoingMessage&&) noexcept;
    ~OutgoingMessage();

  private:
    friend struct sdk::MessageAccess;
    explicit OutgoingMessage(std::shared_ptr<sdk::OutgoingState> state);
    std::shared_ptr<sdk::OutgoingState> state_;
};

// A message has reached the first device of a recipient. It carries ids alone, as in the original
// (SINMessageDeliveryInfo).
struct MessageDeliveryInfo {
    std::string message_id;
    std::string recipient_id;
    // When that device confirmed it, by the server's clock.
    std::chrono::system_clock::time_point timestamp;
};

// A message did not reach a recipient, and the SDK has given up (SINMessageFailureInfo).
struct MessageFailureInfo {
    std::string message_id;
    std::string recipient_id;
    // Domain network: the retry window ended (timed_out); the app may send a copy
    // (message_with_message). Domain capability: the recipient does not exist (recipient_unknown)
    // or never enabled messaging (no_messaging). Domain other: refused (over_quota,
    // invalid_argument).
    Error error;
};

}  // namespace parley
