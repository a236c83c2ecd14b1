#pragma once

#include "base/bytes.h"
#include "wire/websocket/frame.h"
#include "wire/websocket/utf8.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace parley::websocket {

struct DecoderOptions {
    Role role = Role::server;                 // ours: the frames come from the other one
    std::size_t message_bytes = 1024 * 1024;  // a longer message is a violation (1009)
    // The only kind of message wanted (another is a violation, 1003), or none in particular.
    std::optional<Opcode> only;
};

// Turns the bytes of a connection into messages, RFC 6455, sections 5 to 8. A state machine without
// I/O, driven by one owner:
//
//   decoder.feed(bytes);                        // what was read from the connection
//   while (auto event = decoder.next()) ...     // until nothing is left in them
//
// A message that lies whole in the bytes fed is unmasked there and handed out as a span of them:
// no copy. Only what is incomplete at their end is kept, bounded by the message limit, which is
// judged from a frame's header, before anything is stored. Between messages it holds no memory.
class Decoder {
  public:
    // The options are shared by many decoders and outlive them.
    explicit Decoder(const DecoderOptions& options);

    struct Message {
        Opcode kind = Opcode::binary;  // text or binary
        BytesView bytes;
    };
    struct Ping {
        BytesView bytes;
    };
    struct Pong {
        BytesView bytes;
    };
    // The peer's close frame; the last event.
    struct Close {
        std::uint16_t code = 0;  // 1005 if it carries none
        std::string reason;
    };
    // The peer broke the protocol; the last event.
    struct Violation {
        std::uint16_t code = 0;  // the close code that says so
        const char* what = "";   // for logs and the close reason
    };
    using Event = std::variant<Message, Ping, Pong, Close, Violation>;

    // From the next frame on it goes by these.
    void use(const DecoderOptions& options) { options_ = &options; }

    // Gives the next bytes, which are changed in place and must stay where they are until next()
    // has returned nothing. The bytes fed before must be used up.
    void feed(std::span<std::byte> bytes);
    // The next event, or nothing when the bytes are used up. Spans of an event are valid until the
    // next call.
    std::optional<Event> next();

    // Takes back what was fed and not yet looked at, to be fed again later.
    std::span<std::byte> take_rest() { return std::exchange(input_, {}); }
    // True after Close or Violation: everything further is ignored.
    bool ended() const { return ended_; }

  private:
    // What remains of the frame whose header has been read.
    struct Frame {
        Opcode opcode = Opcode::continuation;
        bool final = false;
        bool in_payload = false;
        MaskKey key{};
        std::uint64_t size = 0;
        std::uint64_t taken = 0;  // bytes of the payload seen so far
    };

    bool fill_header(std::size_t size);
    bool read_header(std::optional<Event>& violation);
    std::optional<Violation> judge_start(std::uint8_t first, std::uint8_t second) const;
    std::optional<Violation> judge_length(std::uint64_t size, std::size_t length_bytes) const;
    std::optional<Event> read_payload();
    std::optional<Event> read_control();
    std::optional<Event> read_data();
    std::optional<Event> finish_message(BytesView bytes);
    Event finish_control(BytesView payload);
    Event finish_close(BytesView payload);
    Event violate(std::uint16_t code, const char* what);
    std::span<std::byte> take_payload();
    void forget_handed_out();

    // What has come of something that is not whole yet. Absent between messages.
    struct Partial {
        Bytes message;
        Bytes control;
    };
    std::size_t stored_bytes() const { return partial_ ? partial_->message.size() : 0; }
    Partial& partial();

    const DecoderOptions* options_;
    std::span<std::byte> input_;
    std::array<std::uint8_t, kMaxHeaderBytes> header_{};
    std::uint8_t header_size_ = 0;
    bool ended_ = false;
    bool handed_out_message_ = false;     // the last event shows the stored message
    bool handed_out_control_ = false;     // the last event shows the stored control frame
    std::optional<Opcode> message_kind_;  // of the message whose first frame has come
    Frame frame_;
    Utf8Validator utf8_;
    std::unique_ptr<Partial> partial_;
};

}  // namespace parley::websocket
