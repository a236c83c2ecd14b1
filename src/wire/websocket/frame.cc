#include "wire/websocket/frame.h"

#include "base/assert.h"

#include <cstring>

namespace parley::websocket {

namespace {

constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kNoStatus = 1005;

std::byte low_byte(std::uint64_t value) {
    return static_cast<std::byte>(value & 0xFF);
}

}  // namespace

std::size_t write_header(std::byte* out, Opcode opcode, std::size_t payload_bytes,
                         const std::optional<MaskKey>& key) {
    std::size_t size = 0;
    out[size++] = std::byte{0x80} | static_cast<std::byte>(opcode);
    const std::byte mask_bit = key ? std::byte{0x80} : std::byte{0};
    if (payload_bytes < 126) {
        out[size++] = mask_bit | low_byte(payload_bytes);
    } else if (payload_bytes <= 0xFFFF) {
        out[size++] = mask_bit | std::byte{126};
        out[size++] = low_byte(payload_bytes >> 8);
        out[size++] = low_byte(payload_bytes);
    } else {
        out[size++] = mask_bit | std::byte{127};
        for (int shift = 56; shift >= 0; shift -= 8) {
            out[size++] = low_byte(static_cast<std::uint64_t>(payload_bytes) >> shift);
        }
    }
    if (key) {
        std::memcpy(out + size, key->data(), key->size());
        size += key->size();
    }
    return size;
}

void apply_mask(std::span<std::byte> piece, const MaskKey& key, std::uint64_t offset) {
    std::array<std::uint8_t, 8> turned;
    for (std::size_t i = 0; i < turned.size(); ++i) {
        turned[i] = key[(offset + i) & 3];
    }
    std::uint64_t eight_keys = 0;
    std::memcpy(&eight_keys, turned.data(), 8);
    std::size_t i = 0;
    for (; i + 8 <= piece.size(); i += 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, piece.data() + i, 8);
        eight ^= eight_keys;
        std::memcpy(piece.data() + i, &eight, 8);
    }
    for (; i < piece.size(); ++i) {
        piece[i] ^= static_cast<std::byte>(turned[i & 7]);
    }
}

void append_frame(Bytes& out, Opcode opcode, BytesView payload, const std::optional<MaskKey>& key) {
    std::byte header[kMaxHeaderBytes];
    const std::size_t header_size = write_header(header, opcode, payload.size(), key);
    out.append(reinterpret_cast<const char*>(header), header_size);
    const std::size_t start = out.size();
    out.append(as_text(payload));
    if (key) {
        apply_mask(std::as_writable_bytes(std::span(out)).subspan(start), *key, 0);
    }
}

bool is_sendable_close_code(std::uint16_t code) {
    if (code >= 3000 && code <= 4999) {
        return true;
    }
    // 1004 is reserved; 1005, 1006 and 1015 name what no frame carries.
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
    if (code == kNoStatus) {
        return {};
    }
    if (!is_sendable_close_code(code)) {
        code = kNormal;
    }
    constexpr std::size_t most = kMaxControlBytes - 2;
    if (reason.size() > most) {
        std::size_t end = most;
        while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) {
            --end;
        }
        reason = reason.substr(0, end);
    }
    std::string payload;
    payload.push_back(static_cast<char>(code >> 8));
    payload.push_back(static_cast<char>(code & 0xFF));
    payload.append(reason);
    PARLEY_ASSERT(payload.size() <= kMaxControlBytes);
    return payload;
}

}  // namespace parley::websocket
