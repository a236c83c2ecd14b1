#pragma once

namespace parley::asio::testing {

// How many segments with data a TCP socket has received. Over loopback, and below 64 KiB, that is
// how often the other side wrote.
unsigned data_segments_received(int descriptor);

}  // namespace parley::asio::testing
