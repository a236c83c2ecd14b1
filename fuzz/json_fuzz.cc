// Any text is a client's frame or an error of one line; a frame that was read is written so that it
// reads the same.
#include "base/assert.h"
#include "wire/json.h"

#include <cstdint>

namespace parley::wire {
namespace {

void read(BytesView json) {
    const auto frame = decode_client_json(json);
    if (!frame) {
        PARLEY_ASSERT(frame.error().code == ErrorCode::protocol_violation);
        PARLEY_ASSERT(frame.error().description.find('\n') == std::string::npos);
        return;
    }
    const auto proto = client_frame_from_json(json);
    PARLEY_ASSERT(proto && *decode_client_frame(as_bytes(*proto)) == *frame);
    const auto again = decode_client_json(as_bytes(client_frame_to_json(as_bytes(*proto))));
    PARLEY_ASSERT(again && *again == *frame);
}

}  // namespace
}  // namespace parley::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::wire::read({reinterpret_cast<const std::byte*>(data), size});
    return 0;
}
