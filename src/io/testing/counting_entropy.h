#pragma once

#include "io/entropy.h"

#include <cstddef>
#include <string>

namespace parley::io {

// Gives different bytes at each call, the same in each run.
class CountingEntropy final : public Entropy {
  public:
    explicit CountingEntropy(unsigned char first = 0) : next_(first) {}

    std::string bytes(std::size_t count) override {
        std::string result;
        while (result.size() < count) {
            result += static_cast<char>(next_++);
        }
        return result;
    }

  private:
    unsigned char next_;
};

}  // namespace parley::io
