#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace parley::websocket {

// Checks UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) piece by piece.
// A piece may end inside a character.
class Utf8Validator {
  public:
    // False as soon as the bytes so far cannot become valid any more; from then on always.
    bool feed(BytesView piece);
    // True if what was fed ends at the end of a character.
    bool complete() const { return missing_ == 0 && !failed_; }
    void reset() { *this = Utf8Validator(); }

  private:
    bool step(std::uint8_t byte);

    // Of the character begun: continuation bytes still to come, and the range of the next one.
    std::uint8_t missing_ = 0;
    std::uint8_t low_ = 0x80;
    std::uint8_t high_ = 0xBF;
    bool failed_ = false;
};

bool is_valid_utf8(BytesView text);

}  // namespace parley::websocket
