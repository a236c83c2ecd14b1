#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace parley::io {

// Bytes that nobody can guess; in the simulator, bytes from the seed. Safe from any thread.
class Entropy {
  public:
    virtual ~Entropy() = default;
    virtual std::string bytes(std::size_t count) = 0;

    std::uint64_t seed() {
        const std::string raw = bytes(8);
        std::uint64_t value = 0;
        for (const char c : raw) {
            value = value << 8 | static_cast<unsigned char>(c);
        }
        return value;
    }
};

}  // namespace parley::io
