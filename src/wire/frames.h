#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/time.h"
#include "parley/result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// The frames of proto/parley/v1/wire.proto as plain values, and their bytes. This folder alone sees
// generated code.
namespace parley::wire {

inline constexpr std::string_view kProtoSubprotocol = "parley.v1.proto";
inline constexpr std::string_view kJsonSubprotocol = "parley.v1.json";

// Sorted by key: stored and sent bytes are deterministic.
using Headers = std::map<std::string, std::string>;

struct Message {
    MessageId message_id;
    UserId sender_id;
    std::vector<UserId> recipient_ids;
    std::string text;
    Headers headers;
    std::int64_t created_at_ms = 0;
    std::int64_t accepted_at_ms = 0;
    ChainKey key;
    friend bool operator==(const Message&, const Message&) = default;
};

// ---- client to server

struct Hello {
    std::string token;
    DeviceId device_id;
    std::optional<Cursor> cursor;
    bool supports_messaging = false;
    std::string sdk;
    std::vector<std::string> features;
    friend bool operator==(const Hello&, const Hello&) = default;
};
struct Submit {
    Message message;
    std::vector<UserId> open_recipient_ids;  // empty: all
    friend bool operator==(const Submit&, const Submit&) = default;
};
struct Ack {
    Sequence sequence;
    friend bool operator==(const Ack&, const Ack&) = default;
};
struct Refresh {
    std::string token;
    friend bool operator==(const Refresh&, const Refresh&) = default;
};
using ClientFrame = std::variant<Hello, Submit, Ack, Refresh>;

// ---- server to client

struct Welcome {
    UserId user_id;
    std::string session_id;
    Cursor head;
    bool cursor_accepted = false;
    std::int64_t server_time_ms = 0;
    Limits limits;
    std::int64_t session_ends_at_ms = 0;
    std::vector<std::string> features;
    friend bool operator==(const Welcome&, const Welcome&) = default;
};
struct Refreshed {
    std::int64_t session_ends_at_ms = 0;
    friend bool operator==(const Refreshed&, const Refreshed&) = default;
};
struct RecipientResult {
    UserId recipient_id;
    bool duplicate = false;
    std::optional<Error> error;  // absent: accepted
    std::int64_t accepted_at_ms = 0;
    friend bool operator==(const RecipientResult&, const RecipientResult&) = default;
};
struct SubmitResult {
    MessageId message_id;
    std::int64_t accepted_at_ms = 0;
    std::vector<RecipientResult> recipients;
    std::optional<Error> error;
    friend bool operator==(const SubmitResult&, const SubmitResult&) = default;
};
struct Sent {
    Message message;
    std::vector<UserId> recipient_ids;
    DeviceId origin_device_id;
    std::vector<std::int64_t> recipient_accepted_at_ms;  // decoded: as many as recipient_ids
    friend bool operator==(const Sent&, const Sent&) = default;
};
struct Delivered {
    MessageId message_id;
    UserId recipient_id;
    ChainKey key;
    std::int64_t accepted_at_ms = 0;
    friend bool operator==(const Delivered&, const Delivered&) = default;
};
struct Incoming {
    Message message;
    friend bool operator==(const Incoming&, const Incoming&) = default;
};
// A kind that this version does not know: ignored, and the cursor moves on.
struct UnknownEvent {
    friend bool operator==(const UnknownEvent&, const UnknownEvent&) = default;
};
struct Event {
    Sequence sequence;
    std::int64_t at_ms = 0;
    std::variant<UnknownEvent, Incoming, Sent, Delivered> kind;
    friend bool operator==(const Event&, const Event&) = default;
};
struct Events {
    std::vector<Event> events;
    Sequence through;
    friend bool operator==(const Events&, const Events&) = default;
};
struct Goodbye {
    Error error;
    std::int64_t reconnect_after_ms = 0;
    friend bool operator==(const Goodbye&, const Goodbye&) = default;
};
// A frame that this version does not know: ignored.
struct UnknownFrame {
    friend bool operator==(const UnknownFrame&, const UnknownFrame&) = default;
};
using ServerFrame = std::variant<UnknownFrame, Welcome, SubmitResult, Events, Goodbye, Refreshed>;

// ---- bytes (subprotocol parley.v1.proto)

// Serialized deterministically: the same frame gives the same bytes.
Bytes encode(const ClientFrame& frame);
Bytes encode(const ServerFrame& frame);
// Errors: protocol_violation, with what is wrong. A client frame without a known body is one; a
// server frame without one is an UnknownFrame.
Result<ClientFrame> decode_client_frame(BytesView bytes);
Result<ServerFrame> decode_server_frame(BytesView bytes);
// The size of the Submit frame that carries this message: what counts for the in-flight window and
// the frame limit.
std::size_t submit_frame_size(const Submit& submit);
std::size_t submit_frame_size(const Message& message,
                              const std::vector<UserId>& open_recipient_ids);

// What a Message's text and headers count against the limits, and the checks that need no server
// (R13).
std::size_t header_bytes(const Headers& headers);
bool is_user_id(std::string_view text);     // 1 to 255 bytes, printable ASCII without space
bool is_identifier(std::string_view text);  // 1 to 64 URL-safe characters (A-Z a-z 0-9 - _)
bool is_utf8(std::string_view text);
// Errors: invalid_argument that names the field, the limit and what was found.
// `message.recipient_ids` are distinct already.
Result<void> check_message(const Message& message, const Limits& limits);

}  // namespace parley::wire
