// Loaded before the C library into a server (LD_PRELOAD) by bench/connection_bytes.py: says how
// many bytes of its heap are in use to whoever connects to the socket that HEAP_SPY_SOCKET
// names. A thread of its own asks, as malloc_info's locks are not for a signal handler.
#include <malloc.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

void answer_all(int listening) {
    while (true) {
        const int asker = ::accept(listening, nullptr, nullptr);
        if (asker < 0) {
            return;
        }
        const struct mallinfo2 heap = ::mallinfo2();
        char text[32];
        const int size = std::snprintf(text, sizeof text, "%zu\n", heap.uordblks + heap.hblkhd);
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
