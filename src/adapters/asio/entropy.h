#pragma once

#include "io/entropy.h"

namespace parley::asio {

// The kernel's random bytes, fetched anew at each call: no buffer that a fork could share. Any
// thread.
class SystemEntropy final : public io::Entropy {
  public:
    std::string bytes(std::size_t count) override;
};

}  // namespace parley::asio
