#pragma once

#include "base/bytes.h"
#include "base/frame_sink.h"
#include "wire/frames.h"
#include "wire/proto_bytes.h"

#include <memory>
#include <optional>
#include <span>
#include <string>

// Events as the server stores them, and the wire form that is built from them once and shared by
// all sessions (spec/storage.md, "Events"). The stored bytes hold neither the event's sequence nor
// its time, and not the message's body.
namespace parley::wire {

// Text, headers and recipient ids: the part of a message that is stored once however many
// recipients it has (R20). It is a serialized parley.v1.Message with those fields alone; protobuf
// lets it be spliced in by concatenation.
Bytes encode_body(const Message& message);

// The rest: kind and fields. `accepted_at_ms` of an incoming message is its event's time and is
// filled when rendered.
Bytes encode_incoming(const Message& message);
Bytes encode_sent(const Sent& sent);
Bytes encode_delivered(const Delivered& delivered);
// The same, of parts that are at hand; `message` as it was submitted.
Bytes encode_delivered(std::string_view message_id, const UserId& recipient, std::string_view key,
                       std::int64_t accepted_at_ms);
Bytes encode_sent(const Message& message, std::int64_t accepted_at_ms,
                  std::span<const UserId> recipients,
                  std::span<const std::int64_t> recipient_accepted_at_ms, const DeviceId& origin);

// What is known of stored bytes: read back from a store, they may be anything and are checked; what
// this process has encoded or checked itself is well-formed.
enum class BytesFrom { store, this_process };

// What Receipts must know of a stored event, whose bytes these point into.
struct ReceiptFacts {
    std::string_view sender_id;
    std::string_view message_id;
    std::string_view key;
};
// Of an `incoming` event; nothing for other kinds. An error: the bytes are not an event's.
Result<std::optional<ReceiptFacts>> receipt_facts(std::string_view stored,
                                                  BytesFrom from = BytesFrom::store);

// A stored event without sequence, time and body: ids, recipients and times of acceptance, for
// those who look for a message and do not read it. A kind of a later version is an UnknownEvent. An
// error: the bytes are not an event's.
Result<Event> decode_stored(std::string_view stored);
// Of an event that decode_stored() gave; empty for a kind of a later version.
const MessageId& message_id_of(const Event& event);
// Whom the message of this body is for. An error: the bytes are not a body's.
Result<std::vector<UserId>> recipients_of(std::string_view body);
// "incoming", "sent", "delivered", "unknown".
std::string_view kind_name(const Event& event);

enum class Encoding : std::uint8_t { proto, json };

// An event as it goes out, shared by the sessions of a loop. Holds on to the stored bytes and the
// body, which the events of all recipients of a message share, and adds what is its own.
class RenderedEvent {
  public:
    // `body` is null for kinds that have none. Errors: the bytes are not an event's (a corrupt
    // store).
    static Result<std::shared_ptr<RenderedEvent>> make(Sequence sequence, WallTime at,
                                                       SharedBytes stored, SharedBytes body,
                                                       BytesFrom from = BytesFrom::store);
    // The same with copies.
    static Result<std::shared_ptr<RenderedEvent>> make(Sequence sequence, WallTime at,
                                                       std::string_view stored,
                                                       std::string_view body);

    Sequence sequence() const { return sequence_; }
    const SharedBytes& stored() const { return stored_; }
    bool is_incoming() const { return is_incoming_; }
    // The event's part of an Events frame, ready to be concatenated; JSON is made at the first
    // call. One thread.
    std::size_t size(Encoding encoding);
    void append_to(FrameSink& sink, Encoding encoding);

  private:
    // Tag, length, sequence, time and the heads of what follows: of a `sent` at most 43 bytes.
    using Head = ShortBytes<48>;
    using Tail = ShortBytes<12>;

    std::string_view body() const { return body_ ? std::string_view(*body_) : ""; }
    const Bytes& json();

    Sequence sequence_;
    SharedBytes stored_;
    SharedBytes body_;
    std::unique_ptr<Bytes> json_;
    // In this order they are the event: head_, before_ (of stored_), the body, after_ (of stored_),
    // tail_.
    std::string_view before_;
    std::string_view after_;
    Head head_;
    Tail tail_;
    bool is_incoming_ = false;
};

// Writes Events frames from rendered events without parsing them again:
//   EventsFrame frame(encoding); while (frame.size_with(*event) <= limit) frame.add(event);
//   sink.begin(frame.size(through)) ...
class EventsFrame {
  public:
    explicit EventsFrame(Encoding encoding) : encoding_(encoding) {}
    void add(std::shared_ptr<RenderedEvent> event);
    bool empty() const { return first_ == nullptr; }
    std::size_t count() const { return empty() ? 0 : 1 + more_.size(); }
    // An upper bound of the frame's size with this event added.
    std::size_t size_with(RenderedEvent& event) const;
    // The exact pieces, in order; concatenated they are the frame.
    void write(Sequence through, FrameSink& sink);

  private:
    Encoding encoding_;
    std::shared_ptr<RenderedEvent> first_;  // most frames have but one
    std::vector<std::shared_ptr<RenderedEvent>> more_;
    std::size_t bytes_ = 0;
};

}  // namespace parley::wire
