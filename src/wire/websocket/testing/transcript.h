#pragma once

#include "wire/websocket/decoder.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

// Frames as a test writes them, and what a decoder makes of them as lines that can be compared.
namespace parley::websocket::testing {

inline constexpr MaskKey kKey{0x37, 0xFA, 0x21, 0x3D};

// One frame with every bit under the test's control.
struct RawFrame {
    int opcode = 0x2;
    std::string payload = {};
    bool final = true;
    int reserved = 0;     // bits 6 to 4 of the first byte, as 0x70
    bool masked = true;   // as a client's
    int length_form = 0;  // 0: the shortest; else 7, 16 or 64 bits
};

inline std::string bytes_of(const RawFrame& frame) {
    std::string out;
    out += static_cast<char>((frame.final ? 0x80 : 0) | frame.reserved | frame.opcode);
    const std::uint64_t size = frame.payload.size();
    const int form = frame.length_form != 0 ? frame.length_form
                     : size < 126           ? 7
                     : size <= 0xFFFF       ? 16
                                            : 64;
    const int mask_bit = frame.masked ? 0x80 : 0;
    if (form == 7) {
        out += static_cast<char>(mask_bit | static_cast<int>(size));
    } else {
        out += static_cast<char>(mask_bit | (form == 16 ? 126 : 127));
        for (int shift = form - 8; shift >= 0; shift -= 8) {
            out += static_cast<char>(size >> shift);
        }
    }
    std::string payload = frame.payload;
    if (frame.masked) {
        out.append(reinterpret_cast<const char*>(kKey.data()), kKey.size());
        apply_mask(std::as_writable_bytes(std::span(payload)), kKey, 0);
    }
    return out + payload;
}

inline std::string line_of(const Decoder::Event& event) {
    if (const auto* message = std::get_if<Decoder::Message>(&event)) {
        return (message->kind == Opcode::text ? "text:" : "binary:") +
               std::string(as_text(message->bytes));
    }
    if (const auto* ping = std::get_if<Decoder::Ping>(&event)) {
        return "ping:" + std::string(as_text(ping->bytes));
    }
    if (const auto* pong = std::get_if<Decoder::Pong>(&event)) {
        return "pong:" + std::string(as_text(pong->bytes));
    }
    if (const auto* close = std::get_if<Decoder::Close>(&event)) {
        return "close:" + std::to_string(close->code) + ":" + close->reason;
    }
    return "violation:" + std::to_string(std::get<Decoder::Violation>(event).code);
}

// Feeds one piece and writes down what comes out. The piece is a buffer of its own, so that reading
// outside of it shows under the address sanitizer.
inline void feed(Decoder& decoder, std::string_view piece, std::vector<std::string>& lines) {
    std::vector<std::byte> buffer(piece.size());
    for (std::size_t i = 0; i < piece.size(); ++i) {
        buffer[i] = static_cast<std::byte>(piece[i]);
    }
    decoder.feed(buffer);
    while (const auto event = decoder.next()) {
        lines.push_back(line_of(*event));
    }
}

inline const DecoderOptions& server_options() {
    static const DecoderOptions kOptions{Role::server, 1024 * 1024, std::nullopt};
    return kOptions;
}

inline std::vector<std::string> decode(std::string_view bytes,
                                       const DecoderOptions& options = server_options()) {
    Decoder decoder(options);
    std::vector<std::string> lines;
    feed(decoder, bytes, lines);
    return lines;
}

inline std::vector<std::string> decode_bytewise(std::string_view bytes,
                                                const DecoderOptions& options = server_options()) {
    Decoder decoder(options);
    std::vector<std::string> lines;
    for (const char& c : bytes) {
        feed(decoder, std::string_view(&c, 1), lines);
    }
    return lines;
}

}  // namespace parley::websocket::testing
