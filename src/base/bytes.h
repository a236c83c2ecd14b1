#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace parley {

// Owned bytes. std::string: every library at our edges speaks it, and small ones need no
// allocation.
using Bytes = std::string;
// Bytes of somebody else, valid as long as the callee's contract says.
using BytesView = std::span<const std::byte>;
// Bytes that several sessions send, made once and never changed.
using SharedBytes = std::shared_ptr<const Bytes>;

inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(BytesView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace parley
