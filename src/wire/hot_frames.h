#pragma once

#include "wire/frames.h"
#include "wire/proto_bytes.h"

#include <optional>
#include <string_view>

// The frames that every message goes through, straight between values and bytes. What is unusual in
// any way is left to the generated code, which decides; both give the same for what is usual.
// Internal to wire.
namespace parley::wire {

// Field numbers of proto/parley/v1/wire.proto.
namespace message_field {
inline constexpr unsigned kMessageId = 1, kSenderId = 2, kRecipientIds = 3, kText = 4, kHeaders = 5,
                          kCreatedAtMs = 6, kAcceptedAtMs = 7, kKey = 8;
}
namespace header_field {
inline constexpr unsigned kName = 1, kValue = 2;
}

// The entry of a header: both fields are written, also where they are empty.
constexpr std::size_t header_size(std::string_view name, std::string_view value) {
    return nested_size(name.size()) + nested_size(value.size());
}

// A Submit or Ack whose fields are known ones, each where it may stand once at most once. Nothing:
// another frame, or something unusual about this one.
std::optional<ClientFrame> decode_usual(std::string_view frame);

// A SubmitResult that refuses nothing. Nothing: another one.
std::optional<Bytes> encode_accepted(const SubmitResult& result);

}  // namespace parley::wire
