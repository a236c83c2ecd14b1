#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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

// Bytes that lie in the object: for what is made for each event, and short.
template <std::size_t Most>
class ShortBytes {
  public:
    void push_back(char byte) { bytes_[size_++] = byte; }
    void append(const char* bytes, std::size_t size) {
        std::memcpy(bytes_.data() + size_, bytes, size);
        size_ = static_cast<std::uint8_t>(size_ + size);
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

  private:
    static_assert(Most < 256);
    std::array<char, Most> bytes_;
    std::uint8_t size_ = 0;
};

// `out` is a std::string, or ShortBytes that the caller knows to be long enough.
template <typename Out>
void append_varint(Out& out, std::uint64_t value) {
    std::array<char, 10> bytes;
    std::size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = static_cast<char>(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = static_cast<char>(value);
    out.append(bytes.data(), size);
}
// A field below 16; nothing where the value is 0.
template <typename Out>
void append_number(Out& out, unsigned field, std::uint64_t value) {
    if (value != 0) {
        out.push_back(static_cast<char>(tag(field, WireType::varint)));
        append_varint(out, value);
    }
}
// The tag and length of a field below 16 with `size` bytes, which the caller appends.
template <typename Out>
void append_nested_head(Out& out, unsigned field, std::size_t size) {
    out.push_back(static_cast<char>(tag(field, WireType::nested)));
    append_varint(out, size);
}
// A field below 16, also where it is empty.
void append_nested(std::string& out, unsigned field, std::string_view bytes);
// A field below 16; nothing where it is empty.
void append_text(std::string& out, unsigned field, std::string_view text);

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
