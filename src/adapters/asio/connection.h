#pragma once

#include "adapters/asio/channel.h"
#include "adapters/asio/ready_set.h"
#include "adapters/asio/stream.h"
#include "wire/websocket/decoder.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace parley::asio {

struct Outgoing;

// What stands behind a channel: one WebSocket connection. Kept alive by its channel, which drops it
// when it goes, and by tasks. Every call to the observer is made from on_ready(), a timer, a posted
// task or the end of a turn, never from a call of the channel.
//
// Its end has these steps, in this order, each bounded by the close timeout:
//   a close frame of ours is queued (close(), the answer to the peer's, or after a violation)
//   everything queued is written
//   the peer's close frame comes (or, after a violation, the end of its stream)
//   the socket is closed and the observer hears on_end
class Connection final : public std::enable_shared_from_this<Connection>, private ReadyObserver {
  public:
    Connection(AsioLoop& loop, Stream stream, std::shared_ptr<const ChannelOptions> options,
               std::string peer_address, std::string received, ConnectionSlot slot);

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    void start(io::ChannelObserver& observer);
    void pause_reading(bool paused);
    void close(std::uint16_t code, std::string_view reason);
    void authenticated();
    // The channel is gone: nothing is written, nobody is called any more.
    void drop();

    bool has_room() const { return !full_ && phase_ == Phase::open; }
    void begin(std::size_t size);
    void append(BytesView piece);
    void end();
    void ping();

    const ChannelOptions& options() const { return *options_; }
    const std::string& peer_address() const { return peer_address_; }

  private:
    enum class Phase : std::uint8_t {
        open,
        closing,     // our close frame is queued; the peer's has not come
        answering,   // both close frames are there; ours may not be written yet
        discarding,  // the peer broke the protocol: what it sends is thrown away
        ended,
    };

    struct Ending {
        std::optional<io::ChannelEnd> told;
        io::Timer limit;
    };

    // ---- reading
    void on_ready(Readiness readiness) override;
    bool wants_to_read() const;
    void resume_reading();
    void look_for_break();
    void read_some();
    bool take_bytes(std::span<std::byte> bytes);
    void deliver(std::span<std::byte> bytes);
    void hold_back(BytesView bytes);
    void handle(const websocket::Decoder::Event& event);
    void on_peer_close(const websocket::Decoder::Close& close);
    void on_violation(const websocket::Decoder::Violation& violation);
    void on_ping(BytesView payload);

    // ---- writing
    void write_control(websocket::Opcode opcode, BytesView payload);
    std::optional<websocket::MaskKey> next_key();
    Outgoing& out();
    std::size_t queued_bytes() const;
    void end_writing();
    void schedule_flush();
    void flush();
    bool write_queued();
    void compact();
    void make_room();
    void on_drained();

    // ---- ending
    void begin_closing(Phase phase);
    Ending& ending();
    void note_end(std::uint16_t code, std::string reason);
    void lost(std::string reason);
    void finish();
    void release();

    AsioLoop& loop_;
    std::shared_ptr<const ChannelOptions> options_;
    Stream stream_;
    websocket::Decoder decoder_;
    io::ChannelObserver* observer_ = nullptr;
    std::string peer_address_;
    ConnectionSlot slot_;

    Phase phase_ = Phase::open;
    bool paused_ = false;
    bool readable_ = false;     // it was not read until it was empty
    bool peer_ended_ = false;   // nothing more is told after what lies there
    bool broken_ = false;       // it can only be read to its end
    bool write_waits_ = false;  // until there is room again
    bool flush_scheduled_ = false;
    bool read_wants_write_ = false;  // TLS
    bool write_wants_read_ = false;  // TLS
    bool full_ = false;
    bool dropping_frame_ = false;  // a frame begun after the end
    bool shut_down_ = false;

    // Read, but not yet looked at when reading was paused.
    std::unique_ptr<Bytes> held_;
    // Lent by the loop's pool while there is something to write.
    std::unique_ptr<Outgoing> out_;
    std::unique_ptr<Bytes> owed_pong_;  // the latest ping that came while there was no room
    std::unique_ptr<Ending> ending_;    // made when the end begins
};

}  // namespace parley::asio
