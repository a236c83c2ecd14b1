#include "output.h"

#include "exit_codes.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <poll.h>
#include <unistd.h>

namespace parley::cli {

std::optional<std::string> try_write_output(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
            continue;
        }
        if (errno == EAGAIN) {
            // Whoever shares the descriptor made it non-blocking.
            pollfd writable{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return std::strerror(errno);
        }
    }
    return std::nullopt;
}

void end_without_output(std::string_view why) {
    std::cerr << "parley: cannot write to standard output: " << why << std::endl;
    // No destructor: they would mark the callback that runs as done.
    std::_Exit(kMessageFailed);
}

void write_output(std::string_view bytes) {
    if (const auto why = try_write_output(bytes)) {
        end_without_output(*why);
    }
}

}  // namespace parley::cli
