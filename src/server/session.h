#pragma once

#include "io/channel.h"
#include "mailbox/store.h"
#include "protocol/server_session.h"
#include "protocol/token.h"
#include "server/authenticator.h"
#include "server/deadlines.h"
#include "server/identity.h"
#include "server/operator.h"
#include "server/receipts.h"
#include "server/router.h"
#include "server/users.h"
#include "server/watches.h"
#include "wire/stored_event.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace parley::server {

class NodeLoop;

// One connection and the session on it: moves bytes between the channel and the protocol, and
// decides with the parts of the loop what each of its outputs is worth. Belongs to its NodeLoop,
// which destroys it at the end of a turn.
//
//   hello -> enrolling (home loop, store) -> opening (head) -> live -> ended (Goodbye is written,
//   then the channel closes)
class Session final : public io::ChannelObserver, public LaneOwner, public Watcher {
  public:
    Session(NodeLoop& loop, std::uint64_t number, std::unique_ptr<io::Channel> channel);
    ~Session() override;

    // Begins to receive; with an error it only says this Goodbye.
    void start(const std::optional<Error>& refusal);
    // End of the turn: writes what is due. False: the session is over, and may be destroyed.
    bool settle();
    // A deadline that it gave to NodeLoop::wake_at() has passed.
    void wake();
    // Its Hello is late, and its place is wanted.
    void give_way();
    // Says Goodbye 3002 as soon as nothing of it is at the store.
    void drain();

    // ---- for operators
    bool fits(const SessionFilter& filter) const;
    bool is_of_other_than(const Applications& applications) const;
    SessionReport report();
    // Says this Goodbye.
    void end(const Error& error) { goodbye(error); }

    // ---- answers of the home loop
    void on_attached(Result<std::shared_ptr<Rate>> attached);
    void on_replaced();

    // ---- io::ChannelObserver
    void on_message(BytesView message) override;
    void on_alive() override;
    void on_room() override;
    void on_end(const io::ChannelEnd& end) override;

    // ---- LaneOwner
    void answered(wire::SubmitResult result) override;
    void store_away(bool away) override;
    void gave_up(const Error& error) override;
    void drained() override;

    // ---- Watcher
    void woken(const mailbox::Wake& wake,
               const std::shared_ptr<wire::RenderedEvent>& event) override;

  private:
    enum class Phase : std::uint8_t { hello, enrolling, opening, live, ended };
    // An event that was sent and is not acknowledged.
    struct InFlight {
        Sequence sequence;
        WallTime at;
        std::shared_ptr<wire::RenderedEvent> event;
    };

    void take_outputs();
    void on_output(protocol::ServerSession::HelloReceived& output);
    void on_output(protocol::ServerSession::Submitted& output);
    void on_output(protocol::ServerSession::Acknowledged& output);
    void on_output(protocol::ServerSession::RefreshReceived& output);
    void on_output(protocol::ServerSession::Ended& output);

    // It has been let in as a user, and has not ended.
    bool has_user() const { return phase_ != Phase::hello && phase_ != Phase::ended; }
    const MailboxId& mailbox_id() const { return identity_->mailbox; }
    void on_head(Result<mailbox::Head> head);
    bool is_valid(const Cursor& cursor, const mailbox::Head& head) const;
    void pump();
    // `head`: what was known when the read began.
    void on_read(Result<mailbox::Read> read, Sequence head);
    void deliver(const mailbox::Read& read, Sequence head);
    void count_session(std::int64_t count);
    void stop_watching();
    void release_hold();
    bool has_room_for(wire::RenderedEvent& event, std::size_t events, std::size_t bytes) const;
    void stop_events(Sequence at, const Error& cause);
    void events_go_on();
    void acknowledge(Sequence sequence);
    void log_acknowledged(const wire::RenderedEvent& event) const;
    void goodbye(const Error& error);
    // The cause is for the log, `told` for the client.
    void store_failed(const Error& cause, std::string_view told);
    // `why` is counted if it was never welcomed.
    void leave(ErrorCode why);
    void hold_reading();
    void touch();
    Instant end_of(const protocol::TokenClaims& claims) const;
    std::int64_t told_end_of(const protocol::TokenClaims& claims) const;
    void plan_wake();

    NodeLoop& loop_;
    const std::uint64_t number_;
    std::unique_ptr<io::Channel> channel_;
    protocol::ServerSession protocol_;
    // An idle session is mostly this object: the small members stand together.
    const wire::Encoding encoding_;
    Phase phase_ = Phase::hello;
    bool messaging_ = false;
    bool attached_ = false;  // known to Users
    bool watching_ = false;
    bool touched_ = false;
    bool reading_ = false;         // the mailbox, for events
    bool reading_paused_ = false;  // the channel
    bool events_stopped_ = false;  // the mailbox cannot be read on
    bool store_away_ = false;
    bool draining_ = false;
    bool closing_ = false;
    bool gone_ = false;
    std::uint16_t close_code_ = 0;

    SharedIdentity identity_;  // null before the Hello is accepted
    WallTime opened_at_{};
    std::int64_t ends_at_ms_ = 0;
    // Of the Hello, until it is answered.
    struct Opening {
        std::optional<Cursor> cursor;
        Instant ends{};
    };
    std::unique_ptr<Opening> opening_;
    std::shared_ptr<Rate> rate_;
    Lane* lane_ = nullptr;

    Sequence position_;    // sent up to here
    Sequence known_head_;  // there are events up to here
    Sequence acked_;       // the device has all up to here
    Sequence mark_;        // receipts are known to be done up to here
    std::vector<InFlight> in_flight_;

    OptionalInstant held_until_;            // over its rate
    OptionalInstant linger_until_;          // ended, and what was said is not written yet
    OptionalInstant events_stopped_until_;  // then the mailbox is tried again
    WakePlan wakes_;
};

}  // namespace parley::server
