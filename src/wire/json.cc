#include "wire/json.h"

#include "base/assert.h"
#include "wire/convert.h"
#include "wire/json_writer.h"

#include <google/protobuf/util/json_util.h>

namespace parley::wire {

namespace {

// One line of bounded length: the parser's own text spans several and may quote what it was given
// at length.
std::string first_line(std::string_view text) {
    constexpr std::size_t kMost = 160;
    std::string out;
    for (const char c : text.substr(0, std::min(text.find('\n'), kMost))) {
        out.push_back(c >= ' ' && c < '\x7f' ? c : '?');
    }
    return out;
}

template <typename Generated>
Result<Generated> parse(BytesView json, std::string_view name) {
    Generated frame;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    const std::string_view text = as_text(json);
    const auto status =
        google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &frame, options);
    if (!status.ok()) {
        const auto why = status.message();
        return unexpected(make_error(ErrorCode::protocol_violation,
                                     "this is not a " + std::string(name) +
                                         " in JSON: " + first_line({why.data(), why.size()})));
    }
    return frame;
}

}  // namespace

Result<ClientFrame> decode_client_json(BytesView json) {
    auto frame = parse<v1::ClientFrame>(json, "ClientFrame");
    if (!frame) {
        return unexpected(std::move(frame).error());
    }
    std::optional<ClientFrame> out = from_generated(std::move(*frame));
    if (!out) {
        return unexpected(make_error(
            ErrorCode::protocol_violation,
            "a ClientFrame without a known body: expected hello, submit, ack or refresh"));
    }
    return std::move(*out);
}

Bytes encode_json(const ServerFrame& frame) {
    Bytes out;
    append_json(out, frame);
    return out;
}

Result<Bytes> client_frame_from_json(BytesView json) {
    auto frame = parse<v1::ClientFrame>(json, "ClientFrame");
    if (!frame) {
        return unexpected(std::move(frame).error());
    }
    if (frame->body_case() == v1::ClientFrame::BODY_NOT_SET) {
        return unexpected(make_error(
            ErrorCode::protocol_violation,
            "a ClientFrame without a known body: expected hello, submit, ack or refresh"));
    }
    return serialize(*frame);
}

Bytes server_frame_to_json(BytesView frame) {
    auto decoded = decode_server_frame(frame);
    PARLEY_ASSERT(decoded);
    return encode_json(*decoded);
}

Bytes client_frame_to_json(BytesView frame) {
    auto decoded = decode_client_frame(frame);
    PARLEY_ASSERT(decoded);
    Bytes out;
    append_json(out, *decoded);
    return out;
}

Result<Bytes> server_frame_from_json(BytesView json) {
    auto frame = parse<v1::ServerFrame>(json, "ServerFrame");
    if (!frame) {
        return unexpected(std::move(frame).error());
    }
    return serialize(*frame);
}

}  // namespace parley::wire
