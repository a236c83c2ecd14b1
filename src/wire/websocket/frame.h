#pragma once

#include "base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// RFC 6455, section 5: what a frame looks like, and writing one.
namespace parley::websocket {

// Which side we are. A client masks what it sends, a server must not.
enum class Role { client, server };

enum class Opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

using MaskKey = std::array<std::uint8_t, 4>;

inline constexpr std::size_t kMaxHeaderBytes = 14;
inline constexpr std::size_t kMaxControlBytes = 125;

// The length of the header of a frame with a payload of this size.
constexpr std::size_t header_bytes(std::size_t payload_bytes, Role role) {
    const std::size_t length = payload_bytes < 126 ? 2 : payload_bytes <= 0xFFFF ? 4 : 10;
    return length + (role == Role::client ? 4 : 0);
}

// Writes the header of a whole (unfragmented) frame to `out`, which has room for kMaxHeaderBytes;
// returns its length. With a key the frame is a client's: its payload must then be masked with it.
std::size_t write_header(std::byte* out, Opcode opcode, std::size_t payload_bytes,
                         const std::optional<MaskKey>& key);

// Masks or unmasks (it is the same) a piece of a payload in place. `offset` is the position of the
// piece in the payload.
void apply_mask(std::span<std::byte> piece, const MaskKey& key, std::uint64_t offset);

// Appends a whole frame to `out`.
void append_frame(Bytes& out, Opcode opcode, BytesView payload, const std::optional<MaskKey>& key);

// True for the codes that may stand in a close frame: those that RFC 6455, 7.4.1 and its registry
// define for it, and 3000 to 4999.
bool is_sendable_close_code(std::uint16_t code);

// The payload of a close frame. `reason` is cut to what a control frame holds, at the end of a
// character. Code 1005 gives an empty payload; other codes that may not be sent become 1000.
std::string close_payload(std::uint16_t code, std::string_view reason);

}  // namespace parley::websocket
