#include "wire/proto_bytes.h"

#include <array>

namespace parley::wire {

void append_varint(std::string& out, std::uint64_t value) {
    std::array<char, 10> bytes;
    std::size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = static_cast<char>(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = static_cast<char>(value);
    out.append(bytes.data(), size);
}

void append_number(std::string& out, unsigned field, std::uint64_t value) {
    if (value != 0) {
        out.push_back(static_cast<char>(tag(field, WireType::varint)));
        append_varint(out, value);
    }
}

void append_nested_head(std::string& out, unsigned field, std::size_t size) {
    out.push_back(static_cast<char>(tag(field, WireType::nested)));
    append_varint(out, size);
}

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
    for (unsigned shift = 0; shift < 7 * most_bytes && !rest_.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) {
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
