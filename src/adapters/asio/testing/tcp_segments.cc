// A file of its own: the C library's tcp_info is older than this field, and the kernel's header
// cannot be included beside the C library's.
#include "adapters/asio/testing/tcp_segments.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace parley::asio::testing {

unsigned data_segments_received(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof(info);
    ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_data_segs_in;
}

}  // namespace parley::asio::testing
