#pragma once

#include <sys/types.h>
#include <cerrno>
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

// An interrupted call would pass for a socket that is empty or full, and nobody would be told when
// it is not.
template <typename Call>
ssize_t uninterrupted(Call call) {
    ssize_t done = call();
    while (done < 0 && errno == EINTR) {
        done = call();
    }
    return done;
}

}  // namespace parley::asio
