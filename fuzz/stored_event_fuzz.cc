// A corrupt store gives errors, never a crash, and what is rendered is a frame that clients can
// read.
#include "base/assert.h"
#include "wire/json.h"
#include "wire/stored_event.h"

#include <cstdint>

namespace parley::wire {
namespace {

class Frame final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { announced = size; }
    void append(BytesView piece) override { bytes.append(as_text(piece)); }
    void end() override { PARLEY_ASSERT(bytes.size() == announced); }
    void ping() override {}

    Bytes bytes;
    std::size_t announced = 0;
};

// The first byte says where the body begins.
void read(std::string_view input) {
    if (input.empty()) {
        return;
    }
    const std::size_t at =
        std::min<std::size_t>(static_cast<unsigned char>(input[0]), input.size() - 1);
    const std::string_view stored = input.substr(1, at);
    const std::string_view body = input.substr(1 + at);
    (void)receipt_facts(stored);
    const auto rendered = RenderedEvent::make(Sequence(7), wall_time_from_ms(1000), stored, body);
    if (!rendered) {
        return;
    }
    for (const Encoding encoding : {Encoding::proto, Encoding::json}) {
        EventsFrame events(encoding);
        const std::size_t bound = events.size_with(**rendered);
        events.add(*rendered);
        Frame frame;
        events.write(Sequence(9), frame);
        PARLEY_ASSERT(frame.bytes.size() <= bound);
        if (encoding == Encoding::json) {
            PARLEY_ASSERT(server_frame_from_json(as_bytes(frame.bytes)));
        }
    }
}

}  // namespace
}  // namespace parley::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::wire::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
