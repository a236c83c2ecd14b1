// The reader of PROXY headers against any bytes. The first byte says how they are cut; what is read
// may not depend on it, and nothing behind the header may be taken.
#include "adapters/asio/proxy_header.h"
#include "base/assert.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using parley::asio::ProxyHeader;

struct Outcome {
    ProxyHeader header;
    std::size_t used = 0;
};

Outcome read(std::span<const std::byte> bytes, std::size_t piece_bytes) {
    Outcome outcome;
    while (!bytes.empty()) {
        const std::size_t size = std::min(piece_bytes, bytes.size());
        const std::size_t used = outcome.header.feed(bytes.first(size));
        PARLEY_ASSERT(used <= size);
        PARLEY_ASSERT(used == size || outcome.header.state() != ProxyHeader::State::incomplete);
        outcome.used += used;
        bytes = bytes.subspan(size);
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) {
        return 0;
    }
    const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
    const Outcome in_pieces = read(bytes, std::size_t{1} + data[0]);
    const Outcome whole = read(bytes, size);
    PARLEY_ASSERT(in_pieces.used == whole.used);
    PARLEY_ASSERT(in_pieces.header.state() == whole.header.state());
    PARLEY_ASSERT(in_pieces.header.source() == whole.header.source());
    PARLEY_ASSERT(in_pieces.header.what() == whole.header.what());
    if (whole.header.state() == ProxyHeader::State::complete) {
        PARLEY_ASSERT(ProxyHeader::recognizes(bytes));
    }
    return 0;
}
