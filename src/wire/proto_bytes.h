#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Just enough of the protobuf encoding for what every message goes through: stored parts are put
// together without parsing them, and the frames of hot_frames.h take no detour over generated
// objects, which allocate for each field.
namespace parley::wire {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, nested = 2, fixed32 = 5 };

constexpr std::uint8_t tag(unsigned field, WireType type) {
    return static_cast<std::uint8_t>(field << 3 | static_cast<unsigned>(type));
}

constexpr std::size_t varint_size(std::uint64_t value) {
    std::size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        ++size;
    }
    return size;
}

// The sizes of fields below 16 with their tags. As the generated code has it, a text that is empty
// and a number that is 0 are left out.
constexpr std::size_t nested_size(std::size_t bytes) {
    return 1 + varint_size(bytes) + bytes;
}
constexpr std::size_t text_size(std::string_view text) {
    return text.empty() ? 0 : nested_size(text.size());
}
constexpr std::size_t number_size(std::int64_t value) {
    return value == 0 ? 0 : 1 + varint_size(static_cast<std::uint64_t>(value));
}

void append_varint(std::string& out, std::uint64_t value);
// A field below 16; nothing where the value is 0.
void append_number(std::string& out, unsigned field, std::uint64_t value);
// A field below 16, also where it is empty.
void append_nested(std::string& out, unsigned field, std::string_view bytes);
// A field below 16; nothing where it is empty.
void append_text(std::string& out, unsigned field, std::string_view text);
// The tag and length of a field below 16 with `size` bytes, which the caller appends.
void append_nested_head(std::string& out, unsigned field, std::size_t size);

// Reads one field after the other of one message; groups, which proto3 does not have, are
// malformed.
class ProtoReader {
  public:
    explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

    struct Field {
        std::uint32_t number = 0;
        WireType type = WireType::varint;
        std::uint64_t value = 0;  // of a varint
        std::string_view bytes;   // of a nested field
    };
    // The next field; nothing at the end, or where the bytes are malformed: then malformed() is
    // true.
    std::optional<Field> next();
    bool malformed() const { return malformed_; }
    // What has not been read yet.
    std::string_view rest() const { return rest_; }

  private:
    std::optional<std::uint64_t> varint(std::size_t most_bytes);
    std::optional<Field> fail();

    std::string_view rest_;
    bool malformed_ = false;
};

}  // namespace parley::wire
