#include "codec.h"

#include "base/assert.h"
#include "base/random.h"

#include <array>
#include <cstring>

namespace parley::bench {
namespace {

// Field numbers of proto/parley/v1/wire.proto.
constexpr std::uint32_t kFrameSubmitResult = 2;
constexpr std::uint32_t kFrameEvents = 3;
constexpr std::uint32_t kResultMessageId = 1;
constexpr std::uint32_t kResultRecipients = 3;
constexpr std::uint32_t kResultError = 4;
constexpr std::uint32_t kRecipientError = 3;
constexpr std::uint32_t kEventsEvent = 1;
constexpr std::uint32_t kEventsThrough = 2;
constexpr std::uint32_t kEventSequence = 1;
constexpr std::uint32_t kEventIncoming = 3;
constexpr std::uint32_t kEventDelivered = 5;
constexpr std::uint32_t kMessageId = 1;  // of a Message and of a Delivered

constexpr std::size_t kStampBytes = 12;
// More than a compressor looks back.
constexpr std::size_t kNoiseBytes = 256 * 1024;
constexpr std::string_view kTextCharacters =
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";

constexpr auto kHexPairs = [] {
    constexpr char digits[] = "0123456789abcdef";
    std::array<char, 512> pairs{};
    for (std::size_t i = 0; i < 256; ++i) {
        pairs[2 * i] = digits[i >> 4];
        pairs[2 * i + 1] = digits[i & 15];
    }
    return pairs;
}();

// The low `bytes` bytes of a value.
void write_hex(char* out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = bytes; i > 0; --i, value >>= 8) {
        std::memcpy(out + 2 * (i - 1), kHexPairs.data() + 2 * (value & 0xff), 2);
    }
}

bool read_hex(std::string_view text, std::uint64_t& value) {
    value = 0;
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<unsigned>(c - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    return true;
}

// The length-delimited field of this number, the first there is.
std::string_view text_field(std::string_view message, std::uint32_t number) {
    Fields fields(message);
    while (fields.next()) {
        if (fields.number() == number) {
            return fields.bytes();
        }
    }
    return {};
}

}  // namespace

bool Fields::damaged() {
    whole_ = false;
    rest_ = {};
    return false;
}

bool Fields::varint(std::uint64_t& value) {
    value = 0;
    for (std::size_t i = 0; i < rest_.size() && i < 10; ++i) {
        const auto byte = static_cast<unsigned char>(rest_[i]);
        value |= std::uint64_t{byte & 0x7fu} << (7 * i);
        if (byte < 0x80) {
            rest_.remove_prefix(i + 1);
            return true;
        }
    }
    return false;
}

bool Fields::take(std::uint64_t size) {
    if (size > rest_.size()) {
        return false;
    }
    bytes_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
}

bool Fields::next() {
    if (rest_.empty()) {
        return false;
    }
    std::uint64_t tag = 0;
    if (!varint(tag)) {
        return damaged();
    }
    number_ = static_cast<std::uint32_t>(tag >> 3);
    value_ = 0;
    bytes_ = {};
    std::uint64_t size = 0;
    switch (tag & 7) {
        case 0:
            return varint(value_) || damaged();
        case 1:
            return take(8) || damaged();
        case 2:
            return (varint(size) && take(size)) || damaged();
        case 5:
            return take(4) || damaged();
        default:
            return damaged();
    }
}

FrameKind kind_of(std::string_view frame, std::string_view& body) {
    Fields fields(frame);
    if (!fields.next()) {
        return FrameKind::other;
    }
    const std::uint32_t number = fields.number();
    body = fields.bytes();
    // A second field would have to be merged or be unknown: for wire to judge.
    if (fields.next() || !fields.whole()) {
        return FrameKind::other;
    }
    return number == kFrameSubmitResult ? FrameKind::answer
           : number == kFrameEvents     ? FrameKind::events
                                        : FrameKind::other;
}

bool read_answer(std::string_view body, Answer& answer) {
    answer = {};
    Fields fields(body);
    while (fields.next()) {
        if (fields.number() == kResultMessageId) {
            answer.message_id = fields.bytes();
        } else if (fields.number() == kResultError) {
            answer.accepted = false;
        } else if (fields.number() == kResultRecipients) {
            Fields recipient(fields.bytes());
            while (recipient.next()) {
                answer.accepted = answer.accepted && recipient.number() != kRecipientError;
            }
            if (!recipient.whole()) {
                return false;
            }
        }
    }
    return fields.whole();
}

bool EventsReader::read(std::string_view bytes, EventSeen& event) {
    event = {};
    Fields fields(bytes);
    while (fields.next()) {
        if (fields.number() == kEventSequence) {
            event.sequence = fields.value();
        } else if (fields.number() == kEventIncoming || fields.number() == kEventDelivered) {
            event.kind =
                fields.number() == kEventIncoming ? EventKind::incoming : EventKind::delivered;
            event.message_id = text_field(fields.bytes(), kMessageId);
        }
    }
    return fields.whole();
}

bool EventsReader::next(EventSeen& event) {
    while (fields_.next()) {
        if (fields_.number() == kEventsThrough) {
            through_ = fields_.value();
        } else if (fields_.number() == kEventsEvent) {
            whole_ = whole_ && read(fields_.bytes(), event);
            return whole_;
        }
    }
    return false;
}

MessageIds::MessageIds(std::uint64_t seed) {
    char digits[6];
    write_hex(digits, seed, 3);
    std::memcpy(middle_, "-7xxx-axxx-", sizeof middle_);
    std::memcpy(middle_ + 2, digits, 3);
    std::memcpy(middle_ + 7, digits + 3, 3);
}

void MessageIds::write(char* out, std::uint64_t unix_ms, std::uint64_t tag) const {
    write_hex(out, unix_ms >> 16, 4);
    out[8] = '-';
    write_hex(out + 9, unix_ms, 2);
    std::memcpy(out + 13, middle_, sizeof middle_);
    write_hex(out + 24, tag, 6);
}

bool MessageIds::read(std::string_view id, std::uint64_t& tag) const {
    return id.size() == kMessageIdBytes && id.substr(13, 11) == std::string_view(middle_, 11) &&
           read_hex(id.substr(24), tag);
}

SubmitTemplate::SubmitTemplate(const std::vector<UserId>& recipients, std::size_t text_bytes,
                               std::int64_t created_at_ms)
    : text_bytes_(text_bytes) {
    // In no user id.
    const std::string blank_id(kMessageIdBytes, '\x7f'), blank_text(text_bytes, '\x7f');
    wire::Submit submit;
    submit.message.message_id = MessageId(blank_id);
    submit.message.recipient_ids = recipients;
    submit.message.text = blank_text;
    submit.message.created_at_ms = created_at_ms;
    frame_ = wire::encode(wire::ClientFrame(std::move(submit)));
    id_at_ = frame_.find(blank_id);
    recipient_bytes_ = recipients.front().value().size();
    recipient_at_ = frame_.find(recipients.front().value(), id_at_ + kMessageIdBytes);
    text_at_ = frame_.find(blank_text, id_at_ + kMessageIdBytes);
    PARLEY_ASSERT(id_at_ != Bytes::npos && recipient_at_ != Bytes::npos && text_at_ != Bytes::npos);
    Random random(static_cast<std::uint64_t>(created_at_ms));
    noise_.resize(kNoiseBytes + text_bytes);
    for (char& c : noise_) {
        c = kTextCharacters[random.next() % kTextCharacters.size()];
    }
}

void SubmitTemplate::address(std::string_view recipient) {
    PARLEY_ASSERT(recipient.size() == recipient_bytes_);
    std::memcpy(frame_.data() + recipient_at_, recipient.data(), recipient.size());
}

void SubmitTemplate::append(Bytes& out, const MessageIds& ids, std::uint64_t unix_ms,
                            std::uint64_t tag, const websocket::MaskKey& key) const {
    std::byte header[websocket::kMaxHeaderBytes];
    const std::size_t header_size =
        websocket::write_header(header, websocket::Opcode::binary, frame_.size(), key);
    out.append(reinterpret_cast<const char*>(header), header_size);
    const std::size_t start = out.size();
    out.append(frame_);
    ids.write(out.data() + start + id_at_, unix_ms, tag);
    char* const text = out.data() + start + text_at_;
    const std::uint64_t spread = (unix_ms << 24 ^ tag) * 0x9e3779b97f4a7c15u;
    std::memcpy(text, noise_.data() + (spread >> 32) % kNoiseBytes, text_bytes_);
    if (text_bytes_ >= kStampBytes) {
        // The low half of the time and of the tag: no two messages of a run have both.
        write_hex(text, unix_ms << 24 | (tag & 0xffffff), kStampBytes / 2);
    }
    websocket::apply_mask(std::as_writable_bytes(std::span(out)).subspan(start), key, 0);
}

void append_ack(Bytes& out, std::uint64_t sequence, const websocket::MaskKey& key) {
    // ClientFrame{ack: Ack{sequence}}: field 3, then field 1.
    char frame[16];
    std::size_t size = 3;
    for (; sequence >= 0x80; sequence >>= 7) {
        frame[size++] = static_cast<char>(sequence | 0x80);
    }
    frame[size++] = static_cast<char>(sequence);
    frame[0] = 3 << 3 | 2;
    frame[1] = static_cast<char>(size - 2);
    frame[2] = 1 << 3;
    websocket::append_frame(out, websocket::Opcode::binary, as_bytes({frame, size}), key);
}

}  // namespace parley::bench
