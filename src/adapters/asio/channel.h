#pragma once

#include "adapters/asio/loop.h"
#include "base/time.h"
#include "io/channel.h"
#include "wire/websocket/frame.h"

#include <cstddef>
#include <memory>
#include <string>

namespace parley::asio {

class Socket;

// What the channels of one listener, or of one dial, have in common.
struct ChannelOptions {
    websocket::Role role = websocket::Role::server;
    websocket::Opcode kind = websocket::Opcode::binary;
    std::string subprotocol;
    std::size_t message_bytes = 1024 * 1024;
    Duration close_timeout = std::chrono::seconds(5);
};

// More than this waiting to be written: has_room() is false until no more than half of it is left.
inline constexpr std::size_t kWriteHighWater = 256 * 1024;

// A channel on a socket whose upgrade is done. `received` is what came behind it already. `slot` is
// kept until the connection is gone.
std::unique_ptr<io::Channel> make_channel(AsioLoop& loop, Socket socket,
                                          std::shared_ptr<const ChannelOptions> options,
                                          std::string peer_address, std::string received,
                                          std::shared_ptr<void> slot);

}  // namespace parley::asio
