// The WebSocket decoder against any bytes. The first two bytes choose the side, the limit and how
// the rest is cut; what comes out may not depend on the cut.
#include "base/assert.h"
#include "wire/websocket/decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using parley::as_text;
using parley::BytesView;
namespace websocket = parley::websocket;
using websocket::Decoder;

std::string line_of(const Decoder::Event& event, const websocket::DecoderOptions& options) {
    std::string line = std::to_string(event.index()) + ":";
    if (const auto* message = std::get_if<Decoder::Message>(&event)) {
        PARLEY_ASSERT(message->bytes.size() <= options.message_bytes);
        PARLEY_ASSERT(!options.only || *options.only == message->kind);
        PARLEY_ASSERT(message->kind != websocket::Opcode::text ||
                      websocket::is_valid_utf8(message->bytes));
        line += as_text(message->bytes);
    } else if (const auto* ping = std::get_if<Decoder::Ping>(&event)) {
        PARLEY_ASSERT(ping->bytes.size() <= websocket::kMaxControlBytes);
        line += as_text(ping->bytes);
    } else if (const auto* pong = std::get_if<Decoder::Pong>(&event)) {
        line += as_text(pong->bytes);
    } else if (const auto* close = std::get_if<Decoder::Close>(&event)) {
        PARLEY_ASSERT(close->code == 1005 || websocket::is_sendable_close_code(close->code));
        line += std::to_string(close->code) + close->reason;
    } else {
        const auto& violation = std::get<Decoder::Violation>(event);
        PARLEY_ASSERT(websocket::is_sendable_close_code(violation.code));
        line += std::to_string(violation.code) + violation.what;
    }
    return line;
}

std::vector<std::string> decode(BytesView bytes, std::size_t piece_bytes,
                                const websocket::DecoderOptions& options) {
    Decoder decoder(options);
    std::vector<std::string> lines;
    bool ended = false;
    while (!bytes.empty()) {
        const BytesView view = bytes.first(std::min(bytes.size(), piece_bytes));
        std::vector<std::byte> piece(view.begin(), view.end());
        bytes = bytes.subspan(view.size());
        decoder.feed(piece);
        while (const auto event = decoder.next()) {
            PARLEY_ASSERT(!ended);
            lines.push_back(line_of(*event, options));
            ended = decoder.ended();
        }
    }
    return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    websocket::DecoderOptions options;
    options.role = (data[0] & 1) != 0 ? websocket::Role::client : websocket::Role::server;
    options.message_bytes = (data[0] & 2) != 0 ? 64 : 100'000;
    if ((data[0] & 4) != 0) {
        options.only = (data[0] & 8) != 0 ? websocket::Opcode::text : websocket::Opcode::binary;
    }
    const BytesView bytes(reinterpret_cast<const std::byte*>(data + 2), size - 2);
    const std::size_t piece_bytes = std::size_t{1} + data[1];
    PARLEY_ASSERT(decode(bytes, piece_bytes, options) == decode(bytes, size, options));
    return 0;
}
