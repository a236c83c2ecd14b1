// Any bytes are a frame or an error of one line; a frame that was read is written so that it reads
// the same. What is read without the generated code is what the generated code reads.
#include "base/assert.h"
#include "wire/convert.h"
#include "wire/frames.h"
#include "wire/hot_frames.h"

#include <cstdint>

namespace parley::wire {
namespace {

void expect_one_line(const Error& error) {
    PARLEY_ASSERT(error.code == ErrorCode::protocol_violation);
    PARLEY_ASSERT(error.description.find('\n') == std::string::npos);
}

void read_both_ways(BytesView bytes) {
    if (const auto usual = decode_usual(as_text(bytes))) {
        v1::ClientFrame frame;
        PARLEY_ASSERT(frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
        PARLEY_ASSERT(from_generated(std::move(frame)) == usual);
    }
}

void read(BytesView bytes) {
    read_both_ways(bytes);
    const auto client = decode_client_frame(bytes);
    if (client) {
        const auto again = decode_client_frame(as_bytes(encode(*client)));
        PARLEY_ASSERT(again && *again == *client);
        if (const auto* submit = std::get_if<Submit>(&*client)) {
            PARLEY_ASSERT(submit_frame_size(*submit) == encode(*client).size());
            (void)check_message(submit->message, Limits{});
        }
    } else {
        expect_one_line(client.error());
    }
    const auto server = decode_server_frame(bytes);
    if (server) {
        const auto again = decode_server_frame(as_bytes(encode(*server)));
        PARLEY_ASSERT(again && *again == *server);
    } else {
        expect_one_line(server.error());
    }
}

}  // namespace
}  // namespace parley::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::wire::read({reinterpret_cast<const std::byte*>(data), size});
    return 0;
}
