#include "wire/websocket/decoder.h"

#include "base/assert.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace parley::websocket {

namespace {

constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kUnsupportedData = 1003;
constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kMessageTooBig = 1009;

bool is_control(Opcode opcode) {
    return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

bool is_known(std::uint8_t opcode) {
    return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

}  // namespace

Decoder::Decoder(const DecoderOptions& options) : options_(&options) {}

Decoder::Partial& Decoder::partial() {
    if (!partial_) {
        partial_ = std::make_unique<Partial>();
    }
    return *partial_;
}

void Decoder::feed(std::span<std::byte> bytes) {
    PARLEY_ASSERT(input_.empty());
    if (!ended_) {
        input_ = bytes;
    }
}

std::optional<Decoder::Event> Decoder::next() {
    forget_handed_out();
    while (!ended_) {
        std::optional<Event> violation;
        if (!frame_.in_payload && !read_header(violation)) {
            return violation;
        }
        // An empty payload is complete without a byte of it.
        if (input_.empty() && frame_.taken < frame_.size) {
            return std::nullopt;
        }
        if (auto event = read_payload()) {
            return event;
        }
    }
    return std::nullopt;
}

void Decoder::forget_handed_out() {
    if (std::exchange(handed_out_message_, false)) {
        partial_->message.clear();
    }
    if (std::exchange(handed_out_control_, false)) {
        partial_->control.clear();
    }
    // Freed, not kept for the next one: an idle connection holds no buffer.
    if (partial_ && partial_->message.empty() && partial_->control.empty()) {
        partial_.reset();
    }
}

// True once the first `size` bytes of the header are there.
bool Decoder::fill_header(std::size_t size) {
    if (header_size_ < size) {
        const std::size_t count = std::min(size - header_size_, input_.size());
        std::memcpy(header_.data() + header_size_, input_.data(), count);
        header_size_ = static_cast<std::uint8_t>(header_size_ + count);
        input_ = input_.subspan(count);
    }
    return header_size_ >= size;
}

// Collects the header and judges each part of it before the next, so that the verdict does not
// depend on how the bytes were cut. True: frame_ is set.
bool Decoder::read_header(std::optional<Event>& violation) {
    if (input_.empty() || !fill_header(2)) {
        return false;
    }
    const std::uint8_t first = header_[0];
    const std::uint8_t second = header_[1];
    if (const auto found = judge_start(first, second)) {
        violation = violate(found->code, found->what);
        return false;
    }
    const std::uint8_t short_length = second & 0x7F;
    const std::size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    if (!fill_header(2 + length_bytes)) {
        return false;
    }
    std::uint64_t size = length_bytes == 0 ? short_length : 0;
    for (std::size_t i = 0; i < length_bytes; ++i) {
        size = size << 8 | header_[2 + i];
    }
    if (const auto found = judge_length(size, length_bytes)) {
        violation = violate(found->code, found->what);
        return false;
    }
    const std::size_t key_bytes = options_->role == Role::server ? 4 : 0;
    if (!fill_header(2 + length_bytes + key_bytes)) {
        return false;
    }
    frame_.opcode = static_cast<Opcode>(first & 0x0F);
    frame_.final = (first & 0x80) != 0;
    std::copy_n(header_.data() + 2 + length_bytes, key_bytes, frame_.key.data());
    frame_.size = size;
    frame_.taken = 0;
    frame_.in_payload = true;
    header_size_ = 0;
    if (frame_.opcode == Opcode::text || frame_.opcode == Opcode::binary) {
        message_kind_ = frame_.opcode;
    }
    return true;
}

std::optional<Decoder::Violation> Decoder::judge_start(std::uint8_t first,
                                                       std::uint8_t second) const {
    if ((first & 0x70) != 0) {
        return Violation{kProtocolError, "reserved bits are set"};
    }
    const std::uint8_t raw_opcode = first & 0x0F;
    if (!is_known(raw_opcode)) {
        return Violation{kProtocolError, "reserved opcode"};
    }
    const auto opcode = static_cast<Opcode>(raw_opcode);
    const bool final = (first & 0x80) != 0;
    if (is_control(opcode)) {
        if (!final) {
            return Violation{kProtocolError, "fragmented control frame"};
        }
        if ((second & 0x7F) > kMaxControlBytes) {
            return Violation{kProtocolError, "control frame longer than 125 bytes"};
        }
    } else if (opcode == Opcode::continuation) {
        if (!message_kind_) {
            return Violation{kProtocolError, "continuation of nothing"};
        }
    } else {
        if (message_kind_) {
            return Violation{kProtocolError, "new message inside a fragmented one"};
        }
        if (options_->only && *options_->only != opcode) {
            return Violation{kUnsupportedData, opcode == Opcode::text
                                                   ? "text message where binary ones are spoken"
                                                   : "binary message where text is spoken"};
        }
    }
    const bool masked = (second & 0x80) != 0;
    if (masked != (options_->role == Role::server)) {
        return Violation{kProtocolError,
                         masked ? "masked frame from a server" : "unmasked frame from a client"};
    }
    return std::nullopt;
}

std::optional<Decoder::Violation> Decoder::judge_length(std::uint64_t size,
                                                        std::size_t length_bytes) const {
    if ((length_bytes == 2 && size < 126) || (length_bytes == 8 && size <= 0xFFFF)) {
        return Violation{kProtocolError, "length not in its shortest form"};
    }
    if ((size >> 63) != 0) {
        return Violation{kProtocolError, "length of more than 63 bits"};
    }
    if ((header_[0] & 0x08) != 0) {
        return std::nullopt;
    }
    // What is stored of this message never exceeds the limit, so this cannot wrap.
    if (size > options_->message_bytes - stored_bytes()) {
        return Violation{kMessageTooBig, "message longer than the limit"};
    }
    return std::nullopt;
}

// The bytes of the frame's payload that are there, unmasked.
std::span<std::byte> Decoder::take_payload() {
    const std::uint64_t missing = frame_.size - frame_.taken;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(missing, input_.size()));
    const std::span<std::byte> piece = input_.first(count);
    input_ = input_.subspan(count);
    if (options_->role == Role::server) {
        apply_mask(piece, frame_.key, frame_.taken);
    }
    frame_.taken += count;
    return piece;
}

std::optional<Decoder::Event> Decoder::read_payload() {
    return is_control(frame_.opcode) ? read_control() : read_data();
}

std::optional<Decoder::Event> Decoder::read_control() {
    const std::span<std::byte> piece = take_payload();
    if (frame_.taken < frame_.size) {
        partial().control.append(as_text(piece));
        return std::nullopt;
    }
    frame_.in_payload = false;
    if (!partial_ || partial_->control.empty()) {
        return finish_control(piece);
    }
    partial_->control.append(as_text(piece));
    handed_out_control_ = true;
    return finish_control(as_bytes(partial_->control));
}

std::optional<Decoder::Event> Decoder::read_data() {
    const std::span<std::byte> piece = take_payload();
    // Text is checked as it comes, so that a long message fails at its first wrong byte.
    if (message_kind_ == Opcode::text && !utf8_.feed(piece)) {
        return violate(kInvalidPayload, "text is not UTF-8");
    }
    const bool frame_done = frame_.taken == frame_.size;
    const bool message_done = frame_done && frame_.final;
    frame_.in_payload = !frame_done;
    if (message_done && stored_bytes() == 0) {
        return finish_message(piece);
    }
    if (!piece.empty()) {
        partial().message.append(as_text(piece));
    }
    if (!message_done) {
        return std::nullopt;
    }
    handed_out_message_ = true;
    return finish_message(as_bytes(partial_->message));
}

std::optional<Decoder::Event> Decoder::finish_message(BytesView bytes) {
    if (message_kind_ == Opcode::text && !utf8_.complete()) {
        return violate(kInvalidPayload, "text ends inside a character");
    }
    utf8_.reset();
    const Opcode kind = *std::exchange(message_kind_, std::nullopt);
    return Message{kind, bytes};
}

Decoder::Event Decoder::finish_control(BytesView payload) {
    if (frame_.opcode == Opcode::ping) {
        return Ping{payload};
    }
    if (frame_.opcode == Opcode::pong) {
        return Pong{payload};
    }
    return finish_close(payload);
}

Decoder::Event Decoder::finish_close(BytesView payload) {
    if (payload.size() == 1) {
        return violate(kProtocolError, "close frame with half a code");
    }
    Close close{kNoStatus, {}};
    if (payload.size() >= 2) {
        close.code = static_cast<std::uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 |
                                                std::to_integer<unsigned>(payload[1]));
        if (!is_sendable_close_code(close.code)) {
            return violate(kProtocolError, "close code that may not be sent");
        }
        if (!is_valid_utf8(payload.subspan(2))) {
            return violate(kInvalidPayload, "close reason is not UTF-8");
        }
        close.reason = as_text(payload.subspan(2));
    }
    ended_ = true;
    input_ = {};
    return close;
}

Decoder::Event Decoder::violate(std::uint16_t code, const char* what) {
    ended_ = true;
    input_ = {};
    return Violation{code, what};
}

}  // namespace parley::websocket
