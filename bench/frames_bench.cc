// Frames to bytes and back, protobuf and JSON, and the server's way from a stored event to an
// Events frame, which does not parse what it sends.
#include "operations.h"
#include "wire/frames.h"
#include "wire/json.h"
#include "wire/stored_event.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <utility>

namespace parley::bench {
namespace {

using wire::ClientFrame;
using wire::ServerFrame;

constexpr std::int64_t kAt = 1'514'862'245'000;

wire::Message message(std::size_t number, std::size_t text_bytes = 100) {
    wire::Message message;
    std::string digits = std::to_string(number);
    message.message_id =
        MessageId("0190a1b2-c3d4-7000-8000-" + std::string(12 - digits.size(), '0') + digits);
    message.sender_id = UserId("user.000001@mail.example");
    message.recipient_ids = {UserId("user.000002@mail.example")};
    message.text = std::string(text_bytes, 't');
    message.created_at_ms = kAt;
    message.accepted_at_ms = kAt + 1;
    return message;
}

ClientFrame submit(std::size_t text_bytes) {
    wire::Message sent = message(1, text_bytes);
    sent.sender_id = UserId();
    sent.accepted_at_ms = 0;
    return wire::Submit{std::move(sent), {}};
}
ServerFrame submit_result(std::size_t recipients) {
    wire::SubmitResult result;
    result.message_id = message(1).message_id;
    result.accepted_at_ms = kAt;
    for (std::size_t i = 0; i < recipients; ++i) {
        result.recipients.push_back(
            {UserId("user." + std::to_string(1'000'000 + i)), false, {}, kAt});
    }
    return result;
}
ServerFrame events(std::size_t count) {
    wire::Events events;
    for (std::size_t i = 0; i < count; ++i) {
        events.events.push_back({Sequence(kAt * 1000 + i), kAt, wire::Incoming{message(i)}});
    }
    events.through = Sequence(kAt * 1000 + count);
    return events;
}

void add_client(std::vector<Operation>& all, const std::string& name, const ClientFrame& frame) {
    const Bytes proto = wire::encode(frame);
    const Bytes json = wire::client_frame_to_json(as_bytes(proto));
    all.push_back(
        {"frames/encode " + name,
         [frame]() -> Task { return [frame] { benchmark::DoNotOptimize(wire::encode(frame)); }; },
         1, proto.size()});
    all.push_back({"frames/decode " + name,
                   [proto]() -> Task {
                       return [proto] {
                           benchmark::DoNotOptimize(
                               wire::decode_client_frame(as_bytes(proto)).value());
                       };
                   },
                   1, proto.size()});
    all.push_back({"frames/decode " + name + ", json",
                   [json]() -> Task {
                       return [json] {
                           benchmark::DoNotOptimize(
                               wire::decode_client_json(as_bytes(json)).value());
                       };
                   },
                   1, json.size()});
}
void add_server(std::vector<Operation>& all, const std::string& name, const ServerFrame& frame,
                std::size_t items = 1) {
    const Bytes proto = wire::encode(frame);
    all.push_back(
        {"frames/encode " + name,
         [frame]() -> Task { return [frame] { benchmark::DoNotOptimize(wire::encode(frame)); }; },
         items, proto.size()});
    all.push_back({"frames/encode " + name + ", json",
                   [frame]() -> Task {
                       return [frame] { benchmark::DoNotOptimize(wire::encode_json(frame)); };
                   },
                   items, wire::encode_json(frame).size()});
    all.push_back({"frames/decode " + name,
                   [proto]() -> Task {
                       return [proto] {
                           benchmark::DoNotOptimize(
                               wire::decode_server_frame(as_bytes(proto)).value());
                       };
                   },
                   items, proto.size()});
}

// A connection's buffer.
class Buffer final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { bytes_.reserve(bytes_.size() + size); }
    void append(BytesView piece) override { bytes_.append(as_text(piece)); }
    void end() override { bytes_.clear(); }
    void ping() override {}

  private:
    Bytes bytes_;
};

// What a session that catches up costs: stored events rendered, and written in one frame.
Operation stored_events(std::size_t count, wire::Encoding encoding, const std::string& suffix) {
    auto make = [count, encoding]() -> Task {
        return [stored = std::make_shared<const Bytes>(wire::encode_incoming(message(1))),
                body = std::make_shared<const Bytes>(wire::encode_body(message(1))),
                sink = Buffer(), count, encoding]() mutable {
            wire::EventsFrame frame(encoding);
            for (std::size_t i = 0; i < count; ++i) {
                auto event = wire::RenderedEvent::make(Sequence(kAt * 1000 + i),
                                                       wall_time_from_ms(kAt), stored, body)
                                 .value();
                if (frame.size_with(*event) > Limits{}.frame_bytes) {
                    std::abort();
                }
                frame.add(std::move(event));
            }
            frame.write(Sequence(kAt * 1000 + count), sink);
        };
    };
    return {"frames/stored to Events/" + std::to_string(count) + suffix, std::move(make), count};
}

// What the server makes of a message it takes: the parts that are stored.
Operation stored_parts() {
    auto make = []() -> Task {
        wire::Sent sent;
        sent.message = message(1);
        sent.recipient_ids = sent.message.recipient_ids;
        sent.origin_device_id = DeviceId("0190a1b2-c3d4-7000-8000-0000000000ff");
        sent.recipient_accepted_at_ms = {kAt};
        return
            [sent = std::move(sent),
             delivered = wire::Delivered{message(1).message_id, UserId("bob"), ChainKey(), kAt}] {
                benchmark::DoNotOptimize(wire::encode_body(sent.message));
                benchmark::DoNotOptimize(wire::encode_incoming(sent.message));
                benchmark::DoNotOptimize(wire::encode_sent(sent));
                benchmark::DoNotOptimize(wire::encode_delivered(delivered));
            };
    };
    return {"frames/message to stored parts", std::move(make)};
}

std::vector<Operation> operations() {
    std::vector<Operation> all;
    add_client(all, "Submit/100", submit(100));
    add_client(all, "Submit/4096", submit(4096));
    add_client(all, "Ack", wire::Ack{Sequence(kAt * 1000)});
    add_server(all, "SubmitResult/1", submit_result(1));
    add_server(all, "SubmitResult/100", submit_result(100), 100);
    for (const std::size_t count : {1, 16, 64}) {
        add_server(all, "Events/" + std::to_string(count), events(count), count);
        all.push_back(stored_events(count, wire::Encoding::proto, ""));
        all.push_back(stored_events(count, wire::Encoding::json, ", json"));
    }
    all.push_back(stored_parts());
    return all;
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    return parley::bench::run(argc, argv, parley::bench::operations());
}
