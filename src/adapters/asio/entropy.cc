#include "adapters/asio/entropy.h"

#include "base/assert.h"

#include <sys/random.h>
#include <cerrno>

namespace parley::asio {

std::string SystemEntropy::bytes(std::size_t count) {
    std::string drawn(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        const ssize_t got = getrandom(drawn.data() + done, count - done, 0);
        if (got > 0) {
            done += static_cast<std::size_t>(got);
            continue;
        }
        PARLEY_ASSERT(got < 0 && errno == EINTR);
    }
    return drawn;
}

}  // namespace parley::asio
