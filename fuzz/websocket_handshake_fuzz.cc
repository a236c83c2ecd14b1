// Both sides of the WebSocket upgrade against any text: the answer of a server as our client reads
// it, and the fields of a client as our server judges them.
#include "base/assert.h"
#include "wire/websocket/handshake.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace websocket = parley::websocket;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const websocket::UpgradeRequest request{"a", "/v1/connect",
                                            "dGhlIHNhbXBsZSBub25jZQ==", "parley.v1.proto"};
    const auto check = websocket::check_upgrade_response(text, request);
    PARLEY_ASSERT(check.head_bytes <= size);
    PARLEY_ASSERT(check.status_line.size() <= 200);
    if (check.outcome == websocket::UpgradeCheck::Outcome::incomplete) {
        PARLEY_ASSERT(size < websocket::kMaxUpgradeAnswerBytes);
    }

    static const std::vector<std::string> kSupported = {"parley.v1.proto", "parley.v1.json"};
    const std::string_view third = text.substr(0, size / 3);
    const auto answer = websocket::answer_upgrade(
        {"websocket", third, text.substr(size / 3, size / 3), "13", text.substr(2 * (size / 3))},
        kSupported);
    PARLEY_ASSERT((answer.status == 101) == !answer.subprotocol.empty());
    PARLEY_ASSERT((answer.status == 101) == answer.message.empty());
    return 0;
}
