// The reader of HTTP requests on the public port against any bytes. The first byte says how they
// are cut; what is read may not depend on it, nor exceed its limits.
#include "adapters/asio/http_request.h"
#include "base/assert.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using parley::asio::HttpRequestReader;

constexpr std::size_t kHeaderBytes = 512;
constexpr std::size_t kBodyBytes = 256;

std::string read(std::string_view bytes, std::size_t piece_bytes) {
    HttpRequestReader reader(kHeaderBytes, kBodyBytes);
    auto state = HttpRequestReader::State::incomplete;
    while (!bytes.empty() && state == HttpRequestReader::State::incomplete) {
        const std::size_t size = std::min(piece_bytes, bytes.size());
        state = reader.feed(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
    if (state == HttpRequestReader::State::failed) {
        const int status = reader.status();
        PARLEY_ASSERT(status == 400 || status == 411 || status == 413 || status == 431);
    }
    // Beast may refuse a head before or after its end has come; neither is a request.
    if (state != HttpRequestReader::State::complete) {
        return {};
    }
    const std::string body = reader.take_body();
    PARLEY_ASSERT(body.size() <= kBodyBytes);
    PARLEY_ASSERT(reader.target().size() <= kHeaderBytes);
    return std::string(reader.method()) + "\n" + std::string(reader.target()) + "\n" +
           reader.field("Upgrade") + "\n" + reader.field("Sec-WebSocket-Protocol") + "\n" + body +
           "\n" + reader.take_rest() + std::string(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::string in_pieces = read(bytes, std::size_t{1} + data[0]);
    const std::string whole = read(bytes, size);
    // Where exactly Beast sees the limit of a head depends on how the head arrives.
    PARLEY_ASSERT(size > kHeaderBytes || in_pieces == whole);
    return 0;
}
