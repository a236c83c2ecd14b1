#pragma once

namespace parley {

// Prints the condition and the place to standard error and ends the process.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace parley

// States what must hold if our own code is right. Always on. Never for input from outside.
#define PARLEY_ASSERT(condition)            \
    (static_cast<bool>(condition) ? void(0) \
                                  : ::parley::assertion_failed(#condition, __FILE__, __LINE__))
