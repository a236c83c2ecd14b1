#pragma once

#include "parley/message.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// What stands behind the public message classes.
namespace parley::sdk {

// Says which chain a copy of a message continues (R11). A client's core is one; messages hold it
// weakly.
class ChainSource {
  public:
    virtual ~ChainSource() = default;
    // The key of the chain that a copy of this message continues now; empty: a chain of its own.
    // Nothing if this source can no longer say. Any thread but the engine's; waits for the disk.
    virtual std::optional<std::string> chain_for_copy_of(const std::string& message_id) = 0;
};

// The content of a message. Immutable once a Message shares it.
struct MessageContent {
    std::string message_id;
    std::vector<std::string> recipient_ids;
    std::string sender_id;
    std::string text;
    Headers headers;
    std::optional<std::chrono::system_clock::time_point> timestamp;
    // The client that knows the message.
    std::weak_ptr<ChainSource> origin;
};

// The one message that all copies of an OutgoingMessage handle mean.
struct OutgoingState {
    MessageContent content;
    MessageLimits limits;
    // Taken by the first send_message; given back only when that failed and kept nothing.
    std::atomic<bool> sent = false;

    // Set for a copy.
    std::string copy_of;
    // Who decided about the chain, and what; no decider: send_message decides.
    std::weak_ptr<ChainSource> decider;
    std::string chain;
};

// The sdk's way into the public classes.
struct MessageAccess {
    static Message make(MessageContent content);
    static OutgoingState& state(const OutgoingMessage& message) { return *message.state_; }
    static OutgoingMessage make(std::shared_ptr<OutgoingState> state);
    static const MessageContent& content(const Message& message) { return *message.content_; }
};

}  // namespace parley::sdk
