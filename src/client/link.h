#pragma once

#include "io/channel.h"
#include "io/dialer.h"
#include "io/loop.h"
#include "protocol/client_session.h"

#include <memory>
#include <optional>

namespace parley::client {

// Hears what a Link brings. Called from the link's own turns and from poll(); must not destroy or
// drop the link meanwhile.
class LinkOwner {
  public:
    virtual ~LinkOwner() = default;
    // No connection could be opened.
    virtual void link_failed(const Error& error) = 0;
    // What the session says, in order; Ended comes once, last.
    virtual void link_output(protocol::ClientSession::Output output) = 0;
    // close() is done with the connection.
    virtual void link_closed() = 0;
    // There may be something to transmit.
    virtual void link_wake() = 0;
};

// One connection at a time: the dial, the channel, and the session that lives on it.
class Link final : public io::ChannelObserver {
  public:
    Link(io::Loop& loop, io::Dialer& dialer, LinkOwner& owner)
        : loop_(loop), dialer_(dialer), owner_(owner) {}

    void open(const io::DialTarget& target, wire::Hello hello);
    // Ends it at once, whatever its state; nothing more is heard of it.
    void drop();
    // Sends what is due, then closes the connection in order. True: link_closed() tells the end;
    // false: there was nothing to close.
    bool close();

    bool dialing() const { return dialing_; }
    bool active() const { return dialing_ || channel_ != nullptr; }
    // Set from the connection's start till it is dropped or closed.
    protocol::ClientSession* session() { return session_.get(); }

    void transmit();
    std::optional<Instant> deadline() const;
    // Lets the session look at its deadline.
    void tick();
    void probe();

    void on_message(BytesView message) override;
    void on_alive() override;
    void on_room() override;
    void on_end(const io::ChannelEnd& end) override;

  private:
    void opened(Result<std::unique_ptr<io::Channel>> channel, wire::Hello hello);
    void drain();

    io::Loop& loop_;
    io::Dialer& dialer_;
    LinkOwner& owner_;
    std::unique_ptr<io::Dial> dial_;  // outlives its own `done`
    bool dialing_ = false;
    std::unique_ptr<protocol::ClientSession> session_;
    std::unique_ptr<io::Channel> channel_;
    bool closing_ = false;
    bool over_ = false;  // the channel has ended by itself
};

}  // namespace parley::client
