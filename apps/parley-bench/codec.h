#pragma once

#include "base/bytes.h"
#include "wire/frames.h"
#include "wire/websocket/frame.h"

#include <cstdint>
#include <string_view>

// The frames that come and go by the hundred thousand, read and written in place. Rare ones go
// through wire (codec_test.cc holds the two together).
namespace parley::bench {

// The fields of one protobuf message, in the order of its bytes:
//   while (fields.next()) ... fields.number() ...
// then whole() says whether the bytes ended at the end of a field.
class Fields {
  public:
    explicit Fields(std::string_view bytes) : rest_(bytes) {}
    bool next();
    std::uint32_t number() const { return number_; }
    std::uint64_t value() const { return value_; }     // of a varint; else 0
    std::string_view bytes() const { return bytes_; }  // of a length-delimited field; else empty
    bool whole() const { return whole_; }

  private:
    bool varint(std::uint64_t& value);
    bool take(std::uint64_t size);
    bool damaged();

    std::string_view rest_;
    std::uint32_t number_ = 0;
    std::uint64_t value_ = 0;
    std::string_view bytes_;
    bool whole_ = true;
};

enum class FrameKind { answer, events, other };
// What a server frame is; `body` is then the SubmitResult's or the Events' own bytes, and
// everything that this reader leaves to wire is `other`.
FrameKind kind_of(std::string_view frame, std::string_view& body);

struct Answer {
    std::string_view message_id;
    bool accepted = true;  // for every recipient
};
// False if the bytes are no SubmitResult.
bool read_answer(std::string_view body, Answer& answer);

enum class EventKind { incoming, delivered, other };
struct EventSeen {
    EventKind kind = EventKind::other;
    std::uint64_t sequence = 0;
    std::string_view message_id;  // of incoming and delivered
};
// while (events.next(event)) ...; then through() is where the cursor may move, if whole().
class EventsReader {
  public:
    explicit EventsReader(std::string_view body) : fields_(body) {}
    bool next(EventSeen& event);
    std::uint64_t through() const { return through_; }
    bool whole() const { return whole_ && fields_.whole(); }

  private:
    bool read(std::string_view bytes, EventSeen& event);

    Fields fields_;
    std::uint64_t through_ = 0;
    bool whole_ = true;
};

inline constexpr std::size_t kMessageIdBytes = 36;

// Message ids that say which flight they belong to: a UUIDv7 (RFC 9562) whose last 48 bits are the
// tag, and whose other random bits are one generator's own.
class MessageIds {
  public:
    explicit MessageIds(std::uint64_t seed);
    // Writes kMessageIdBytes characters. `tag` has 48 bits.
    void write(char* out, std::uint64_t unix_ms, std::uint64_t tag) const;
    // The tag of an id that this generator wrote; false for any other.
    bool read(std::string_view id, std::uint64_t& tag) const;

  private:
    char middle_[11];  // "-7xxx-axxx-"
};

// A masked WebSocket frame with a Submit whose id and text differ from message to message: a store
// that keeps equal texts once, or compresses them, would otherwise be given less than people give
// it.
class SubmitTemplate {
  public:
    SubmitTemplate(const std::vector<UserId>& recipients, std::size_t text_bytes,
                   std::int64_t created_at_ms);
    // To another recipient than the template's one and only, with a name of the same length.
    void address(std::string_view recipient);
    void append(Bytes& out, const MessageIds& ids, std::uint64_t unix_ms, std::uint64_t tag,
                const websocket::MaskKey& key) const;

  private:
    Bytes frame_;
    std::size_t id_at_ = 0;
    std::size_t recipient_at_ = 0;
    std::size_t recipient_bytes_ = 0;
    std::size_t text_at_ = 0;
    std::size_t text_bytes_ = 0;
    Bytes noise_;  // of which a text is a piece, and then a stamp of its own
};

void append_ack(Bytes& out, std::uint64_t sequence, const websocket::MaskKey& key);

}  // namespace parley::bench
