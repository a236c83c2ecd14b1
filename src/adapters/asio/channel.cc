#include "adapters/asio/channel.h"

#include "adapters/asio/connection.h"

#include <utility>

namespace parley::asio {

namespace {

// The owner's end of a connection: when it goes, the connection is dropped.
class AsioChannel final : public io::Channel {
  public:
    explicit AsioChannel(std::shared_ptr<Connection> connection)
        : connection_(std::move(connection)) {}
    AsioChannel(const AsioChannel&) = delete;
    AsioChannel& operator=(const AsioChannel&) = delete;
    ~AsioChannel() override { connection_->drop(); }

    void start(io::ChannelObserver& observer) override { connection_->start(observer); }
    void pause_reading(bool paused) override { connection_->pause_reading(paused); }
    void close(std::uint16_t code, std::string_view reason) override {
        connection_->close(code, reason);
    }
    void authenticated() override { connection_->authenticated(); }
    std::string_view subprotocol() const override { return connection_->options().subprotocol; }
    std::string_view peer_address() const override { return connection_->peer_address(); }

    bool has_room() const override { return connection_->has_room(); }
    void begin(std::size_t size) override { connection_->begin(size); }
    void append(BytesView piece) override { connection_->append(piece); }
    void end() override { connection_->end(); }
    void ping() override { connection_->ping(); }

  private:
    std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<io::Channel> make_channel(AsioLoop& loop, Stream stream,
                                          std::shared_ptr<const ChannelOptions> options,
                                          std::string peer_address, std::string received,
                                          ConnectionSlot slot) {
    return std::make_unique<AsioChannel>(std::make_shared<Connection>(
        loop, std::move(stream), std::move(options), std::move(peer_address), std::move(received),
        std::move(slot)));
}

}  // namespace parley::asio
