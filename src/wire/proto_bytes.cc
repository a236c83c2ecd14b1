#include "wire/proto_bytes.h"

#include <algorithm>

namespace parley::wire {

void append_nested(std::string& out, unsigned field, std::string_view bytes) {
    append_nested_head(out, field, bytes.size());
    out.append(bytes);
}

void append_text(std::string& out, unsigned field, std::string_view text) {
    if (!text.empty()) {
        append_nested(out, field, text);
    }
}

namespace {

// As the generated code has it, also where zeros make them longer than they need be.
constexpr std::size_t kValueBytes = 10;
constexpr std::size_t kLengthBytes = 5;  // and of tags

}  // namespace

std::optional<std::uint64_t> ProtoReader::varint(std::size_t most_bytes) {
    std::uint64_t value = 0;
    const std::size_t most = std::min(most_bytes, rest_.size());
    for (std::size_t i = 0; i < most; ++i) {
        const auto byte = static_cast<unsigned char>(rest_[i]);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            rest_.remove_prefix(i + 1);
            return value;
        }
    }
    return std::nullopt;
}

std::optional<ProtoReader::Field> ProtoReader::fail() {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
}

std::optional<ProtoReader::Field> ProtoReader::next() {
    if (rest_.empty()) {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> head = varint(kLengthBytes);
    if (!head || *head >> 3 == 0 || *head > UINT32_MAX) {
        return fail();
    }
    Field field;
    field.number = static_cast<std::uint32_t>(*head >> 3);
    field.type = static_cast<WireType>(*head & 7);
    std::size_t size = 0;
    switch (field.type) {
        case WireType::varint: {
            const std::optional<std::uint64_t> value = varint(kValueBytes);
            if (!value) {
                return fail();
            }
            field.value = *value;
            return field;
        }
        case WireType::nested: {
            const std::optional<std::uint64_t> length = varint(kLengthBytes);
            if (!length || *length > rest_.size()) {
                return fail();
            }
            size = static_cast<std::size_t>(*length);
            break;
        }
        case WireType::fixed64:
            size = 8;
            break;
        case WireType::fixed32:
            size = 4;
            break;
        default:
            return fail();
    }
    if (size > rest_.size()) {
        return fail();
    }
    field.bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
}

}  // namespace parley::wire
