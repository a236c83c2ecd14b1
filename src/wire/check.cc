#include "wire/frames.h"

#include <algorithm>
#include <cstring>

namespace parley::wire {

namespace {

bool is_url_safe(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

unexpected invalid(std::string description) {
    return unexpected(make_error(ErrorCode::invalid_argument, std::move(description)));
}

unexpected over(std::string_view field, std::size_t found, std::string_view unit,
                std::size_t limit) {
    return invalid(std::string(field) + ": " + std::to_string(found) + " " + std::string(unit) +
                   ", the limit is " + std::to_string(limit));
}

// The length of the well-formed sequence (RFC 3629) that begins here, 0 if there is none.
std::size_t sequence_length(const unsigned char* at, std::size_t left) {
    const unsigned char first = *at;
    const auto follows = [&](std::size_t i, unsigned char low = 0x80, unsigned char high = 0xbf) {
        return at[i] >= low && at[i] <= high;
    };
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return left >= 2 && follows(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        // No overlong forms, no surrogates.
        const unsigned char low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = first == 0xed ? 0x9f : 0xbf;
        return left >= 3 && follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned char low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = first == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

Result<void> check_recipients(const std::vector<UserId>& ids, const Limits& limits) {
    if (ids.empty()) {
        return invalid("recipient_ids: none given, a message needs one");
    }
    if (ids.size() > limits.recipients) {
        return over("recipient_ids", ids.size(), "recipients", limits.recipients);
    }
    std::size_t bytes = 0;
    for (const UserId& id : ids) {
        if (!is_user_id(id.value())) {
            return invalid("recipient_ids: a user id has 1 to " + std::to_string(kUserIdBytes) +
                           " bytes of printable ASCII without space; found one of " +
                           std::to_string(id.value().size()) + " bytes that is none");
        }
        bytes += id.value().size();
    }
    if (bytes > limits.recipient_bytes) {
        return over("recipient_ids", bytes, "bytes in total", limits.recipient_bytes);
    }
    return {};
}

Result<void> check_headers(const Headers& headers, const Limits& limits) {
    const std::size_t bytes = header_bytes(headers);
    if (bytes > limits.header_bytes) {
        return over("headers", bytes, "bytes of names and values", limits.header_bytes);
    }
    for (const auto& [name, value] : headers) {
        if (!is_utf8(name) || !is_utf8(value)) {
            return invalid("headers: a name or value is not valid UTF-8");
        }
    }
    return {};
}

}  // namespace

std::size_t header_bytes(const Headers& headers) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers) {
        bytes += name.size() + value.size();
    }
    return bytes;
}

bool is_user_id(std::string_view text) {
    return !text.empty() && text.size() <= kUserIdBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_identifier(std::string_view text) {
    return !text.empty() && text.size() <= kIdCharacters &&
           std::all_of(text.begin(), text.end(), is_url_safe);
}

bool is_utf8(std::string_view text) {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t left = text.size();
    while (left > 0) {
        // Most text is ASCII, and all identifiers are: eight at a time.
        std::uint64_t eight = 0;
        while (left >= sizeof eight) {
            std::memcpy(&eight, at, sizeof eight);
            if ((eight & 0x8080808080808080) != 0) {
                break;
            }
            at += sizeof eight;
            left -= sizeof eight;
        }
        if (left == 0) {
            break;
        }
        const std::size_t length = sequence_length(at, left);
        if (length == 0) {
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}

Result<void> check_message(const Message& message, const Limits& limits) {
    constexpr std::string_view kForm = " is not 1 to 64 characters out of A-Z a-z 0-9 - _";
    if (!is_identifier(message.message_id.value())) {
        return invalid("message_id" + std::string(kForm));
    }
    if (!message.key.value().empty() && !is_identifier(message.key.value())) {
        return invalid("idempotency_key" + std::string(kForm));
    }
    auto recipients = check_recipients(message.recipient_ids, limits);
    if (!recipients) {
        return recipients;
    }
    if (message.text.size() > limits.text_bytes) {
        return over("text", message.text.size(), "bytes", limits.text_bytes);
    }
    if (!is_utf8(message.text)) {
        return invalid("text: not valid UTF-8");
    }
    auto headers = check_headers(message.headers, limits);
    if (!headers) {
        return headers;
    }
    // Sent again for some recipients only, the frame names those once more.
    const std::size_t frame = submit_frame_size(message, message.recipient_ids);
    if (frame > limits.frame_bytes) {
        return over("message", frame, "bytes encoded", limits.frame_bytes);
    }
    return {};
}

}  // namespace parley::wire
