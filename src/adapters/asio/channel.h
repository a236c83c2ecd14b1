#pragma once

#include "adapters/asio/admission.h"
#include "adapters/asio/loop.h"
#include "base/limits.h"
#include "base/time.h"
#include "io/channel.h"
#include "wire/websocket/decoder.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace parley::asio {

class Stream;

// What the channels of one listener, or of one dial, have in common.
struct ChannelOptions {
    ChannelOptions(websocket::Role role, std::string name, bool text, std::size_t message_bytes)
        : decoding{role, message_bytes, text ? websocket::Opcode::text : websocket::Opcode::binary},
          stranger_decoding(decoding),
          subprotocol(std::move(name)) {
        if (role == websocket::Role::server) {
            stranger_decoding.message_bytes = std::min<std::size_t>(message_bytes, kHelloBytes);
        }
    }

    websocket::Role role() const { return decoding.role; }
    websocket::Opcode kind() const { return *decoding.only; }

    websocket::DecoderOptions decoding;
    websocket::DecoderOptions stranger_decoding;  // until the peer has proved who it is
    std::string subprotocol;
    Duration close_timeout = std::chrono::seconds(5);
};

// More than this waiting to be written: has_room() is false until no more than half of it is left.
inline constexpr std::size_t kWriteHighWater = 256 * 1024;

// A channel on a socket whose upgrade is done. `received` is what came behind it already. `slot` is
// kept until the connection is gone.
std::unique_ptr<io::Channel> make_channel(AsioLoop& loop, Stream stream,
                                          std::shared_ptr<const ChannelOptions> options,
                                          std::string peer_address, std::string received,
                                          ConnectionSlot slot);

}  // namespace parley::asio
