#include "wire/frames.h"

#include "wire/convert.h"
#include "wire/hot_frames.h"
#include "wire/proto_bytes.h"

#ifndef PARLEY_WIRE_LITE
#include <google/protobuf/stubs/logging.h>
#endif

namespace parley::wire {

namespace {

// The same for every cause: what a parser could say beyond this helps nobody.
Error not_a_frame(std::string_view what) {
    return make_error(ErrorCode::protocol_violation, std::string(what));
}

bool parse(google::protobuf::MessageLite& into, BytesView bytes) {
#ifndef PARLEY_WIRE_LITE
    // The library writes a line to standard error for each string that is not UTF-8: a server's
    // clients must not be able to fill its log. (The SDK shares the library with its app and leaves
    // the app's choice alone.)
    [[maybe_unused]] static const auto before = google::protobuf::SetLogHandler(nullptr);
#endif
    return bytes.size() <= INT32_MAX &&
           into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

Bytes encode(const ClientFrame& frame) {
    return serialize(to_generated(frame));
}

Bytes encode(const ServerFrame& frame) {
    if (const auto* result = std::get_if<SubmitResult>(&frame)) {
        if (auto bytes = encode_accepted(*result)) {
            return std::move(*bytes);
        }
    }
    return serialize(to_generated(frame));
}

Result<ClientFrame> decode_client_frame(BytesView bytes) {
    if (auto usual = decode_usual(as_text(bytes))) {
        return std::move(*usual);
    }
    v1::ClientFrame frame;
    if (!parse(frame, bytes)) {
        return unexpected(
            not_a_frame("this is not a ClientFrame: malformed, or a string is not UTF-8"));
    }
    std::optional<ClientFrame> out = from_generated(std::move(frame));
    if (!out) {
        return unexpected(not_a_frame(
            "a ClientFrame without a known body: expected hello, submit, ack or refresh"));
    }
    return std::move(*out);
}

Result<ServerFrame> decode_server_frame(BytesView bytes) {
    v1::ServerFrame frame;
    if (!parse(frame, bytes)) {
        return unexpected(
            not_a_frame("this is not a ServerFrame: malformed, or a string is not UTF-8"));
    }
    return from_generated(std::move(frame));
}

std::size_t submit_frame_size(const Submit& submit) {
    return submit_frame_size(submit.message, submit.open_recipient_ids);
}

std::size_t submit_frame_size(const Message& message,
                              const std::vector<UserId>& open_recipient_ids) {
    std::size_t size = text_size(message.message_id.value()) +
                       text_size(message.sender_id.value()) + text_size(message.text) +
                       text_size(message.key.value()) + number_size(message.created_at_ms) +
                       number_size(message.accepted_at_ms);
    for (const UserId& id : message.recipient_ids) {
        size += nested_size(id.value().size());
    }
    for (const auto& [name, value] : message.headers) {
        size += nested_size(header_size(name, value));
    }
    size = nested_size(size);
    for (const UserId& id : open_recipient_ids) {
        size += nested_size(id.value().size());
    }
    return nested_size(size);
}

}  // namespace parley::wire
