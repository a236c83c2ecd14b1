// Loaded before the C library into a server (LD_PRELOAD) by bench/connection_bytes.py: says how
// many bytes of its heap are in use to whoever connects to the socket that HEAP_SPY_SOCKET
// names. A thread of its own asks, as the allocator's locks are not for a signal handler.
#include <jemalloc/jemalloc.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

std::size_t bytes_in_use() {
    std::uint64_t epoch = 1;  // jemalloc brings its figures up to date when this is written
    std::size_t size = sizeof epoch;
    ::mallctl("epoch", &epoch, &size, &epoch, size);
    std::size_t bytes = 0;
    size = sizeof bytes;
    ::mallctl("stats.allocated", &bytes, &size, nullptr, 0);
    return bytes;
}

void answer_all(int listening) {
    while (true) {
        const int asker = ::accept(listening, nullptr, nullptr);
        if (asker < 0) {
            return;
        }
        char text[32];
        const int size = std::snprintf(text, sizeof text, "%zu\n", bytes_in_use());
        (void)!::write(asker, text, static_cast<std::size_t>(size));
        ::close(asker);
    }
}

[[gnu::constructor]] void listen_for_askers() {
    const char* path = std::getenv("HEAP_SPY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) {
        return;
    }
    std::memcpy(address.sun_path, path, std::strlen(path));
    const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listening >= 0 &&
        ::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listening, 8) == 0) {
        std::thread(answer_all, listening).detach();
    }
}

}  // namespace
