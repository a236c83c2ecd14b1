// A client against a server that sends anything: it ends at most once, and what it hands on is in
// order. The input: steps of one byte and, for frames, two bytes of length.
#include "base/assert.h"
#include "protocol/client_session.h"

#include <cstdint>

namespace parley::protocol {
namespace {

class Sink final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { left_ = size; }
    void append(BytesView piece) override {
        PARLEY_ASSERT(piece.size() <= left_);
        left_ -= piece.size();
    }
    void end() override { PARLEY_ASSERT(left_ == 0); }
    void ping() override {}

  private:
    std::size_t left_ = 0;
};

void play(std::string_view steps) {
    Instant now{};
    wire::Hello hello;
    hello.device_id = DeviceId("d");
    ClientSession session(hello, now);
    Sink sink;
    bool ended = false;
    Sequence through;
    while (!steps.empty()) {
        const auto step = static_cast<unsigned char>(steps[0]);
        steps.remove_prefix(1);
        if (step < 128 && steps.size() >= 2) {
            const std::size_t wanted =
                static_cast<unsigned char>(steps[0]) + 256u * static_cast<unsigned char>(steps[1]);
            const std::size_t length = std::min(wanted, steps.size() - 2);
            (void)session.receive(as_bytes(steps.substr(2, length)), now);
            steps.remove_prefix(2 + length);
        } else if (step < 160) {
            now += std::chrono::seconds(step - 127);
            session.tick(now);
        } else if (step < 200) {
            wire::Submit submit;
            submit.message.message_id = MessageId("m" + std::to_string(step % 4));
            if (session.can_submit(wire::submit_frame_size(submit))) {
                session.submit(submit);
            }
        } else if (step < 220) {
            session.probe(now);
        } else {
            session.transmit(sink);
        }
        while (auto output = session.next_output()) {
            PARLEY_ASSERT(!ended);
            ended = std::holds_alternative<ClientSession::Ended>(*output);
            if (const auto* received = std::get_if<ClientSession::Received>(&*output)) {
                for (const wire::Event& event : received->events.events) {
                    PARLEY_ASSERT(event.sequence > through);
                    through = event.sequence;
                }
                PARLEY_ASSERT(received->events.through >= through);
                through = received->events.through;
                session.acknowledge(through);
            }
        }
    }
    session.end();
    PARLEY_ASSERT(ended || session.next_output());
    PARLEY_ASSERT(!session.deadline());
}

}  // namespace
}  // namespace parley::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::protocol::play({reinterpret_cast<const char*>(data), size});
    return 0;
}
