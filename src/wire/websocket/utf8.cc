#include "wire/websocket/utf8.h"

#include <cstring>

namespace parley::websocket {

bool Utf8Validator::step(std::uint8_t byte) {
    if (missing_ > 0) {
        if (byte < low_ || byte > high_) {
            return false;
        }
        low_ = 0x80;
        high_ = 0xBF;
        --missing_;
        return true;
    }
    if (byte < 0x80) {
        return true;
    }
    // RFC 3629, section 4. C0, C1 and F5 to FF begin nothing; four lead bytes narrow what may
    // follow.
    if (byte >= 0xC2 && byte <= 0xDF) {
        missing_ = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        missing_ = 2;
        if (byte == 0xE0) {
            low_ = 0xA0;
        } else if (byte == 0xED) {
            high_ = 0x9F;
        }
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        missing_ = 3;
        if (byte == 0xF0) {
            low_ = 0x90;
        } else if (byte == 0xF4) {
            high_ = 0x8F;
        }
    } else {
        return false;
    }
    return true;
}

bool Utf8Validator::feed(BytesView piece) {
    if (failed_) {
        return false;
    }
    const std::byte* at = piece.data();
    const std::byte* const end = at + piece.size();
    while (at != end) {
        // Most text is ASCII: eight bytes at a time.
        while (missing_ == 0 && end - at >= 8) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, at, 8);
            if ((eight & 0x8080808080808080ull) != 0) {
                break;
            }
            at += 8;
        }
        if (at == end) {
            break;
        }
        if (!step(std::to_integer<std::uint8_t>(*at))) {
            failed_ = true;
            return false;
        }
        ++at;
    }
    return true;
}

bool is_valid_utf8(BytesView text) {
    Utf8Validator validator;
    return validator.feed(text) && validator.complete();
}

}  // namespace parley::websocket
