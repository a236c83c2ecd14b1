#pragma once

#include "io/dialer.h"
#include "io/loop.h"
#include "protocol/client_session.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace parley::bench {

// One connected device of the load generator: the protocol's client session on a channel, without a
// local store. It acknowledges what comes in at the end of the turn. One loop.
class Device final : public io::ChannelObserver {
  public:
    struct Hooks {
        std::function<void()> on_welcome;
        std::function<void(const wire::SubmitResult&)> on_result;
        std::function<void(const wire::Message&)> on_incoming;
        std::function<void(const wire::Delivered&)> on_delivered;
        std::function<void(const std::string& why)> on_end;
    };

    Device(io::Loop& loop, io::Dialer& dialer, io::DialTarget target, UserId user, DeviceId device,
           Hooks hooks);

    // Opens a session with this token; events come from the cursor on, or from the head of the
    // mailbox on (what is there already is acknowledged unseen) if `skip_history`.
    void connect(std::string token, bool skip_history);
    // Nothing without a session: a workload that ended may have had a timer due in the same turn.
    void submit(const wire::Submit& submit);
    // Drops the connection at once; the cursor stays.
    void drop();

    bool connected() const { return welcomed_; }
    const UserId& user() const { return user_; }

    void on_message(BytesView message) override;
    void on_alive() override;
    void on_room() override;
    void on_end(const io::ChannelEnd& end) override;

  private:
    void opened(Result<std::unique_ptr<io::Channel>> channel);
    void welcomed(const wire::Welcome& welcome);
    void received(const wire::Events& events);
    void ended(const std::string& why);
    void pump();
    void transmit_at_turn_end();

    io::Loop& loop_;
    io::Dialer& dialer_;
    io::DialTarget target_;
    UserId user_;
    DeviceId device_;
    Hooks hooks_;
    std::string token_;
    bool skip_history_ = false;
    bool welcomed_ = false;
    bool transmit_due_ = false;
    Epoch epoch_;
    std::optional<Cursor> cursor_;
    Sequence skip_until_;
    std::unique_ptr<io::Dial> dial_;
    std::unique_ptr<io::Channel> channel_;
    std::unique_ptr<protocol::ClientSession> session_;
    io::Timer timer_;
};

}  // namespace parley::bench
