#pragma once

#include <cstddef>
#include <string>

namespace parley::asio {

// What a read, write or handshake on a non-blocking descriptor came to.
struct IoResult {
    enum class State {
        done,        // `bytes` of them, at least one
        want_read,   // again when the descriptor is readable
        want_write,  // again when it is writable
        ended,       // the peer closed its side
        failed,      // `what` says why
    };
    State state = State::done;
    std::size_t bytes = 0;
    std::string what;
};

}  // namespace parley::asio
