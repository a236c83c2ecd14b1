#include "server/session.h"

#include "server/node_loop.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

namespace parley::server {
namespace {

wire::Encoding encoding_of(const io::Channel& channel) {
    return channel.subprotocol() == wire::kJsonSubprotocol ? wire::Encoding::json
                                                           : wire::Encoding::proto;
}

// What the store says of itself names the server's files and its disk.
bool is_of_the_store(const Error& error) {
    return error.code == ErrorCode::server_error || error.code == ErrorCode::store_failed;
}

}  // namespace

Session::Session(NodeLoop& loop, std::uint64_t number, std::unique_ptr<io::Channel> channel)
    : loop_(loop),
      number_(number),
      channel_(std::move(channel)),
      protocol_(loop.session_options(encoding_of(*channel_)), loop.loop().now()),
      encoding_(encoding_of(*channel_)) {}

Session::~Session() {
    stop_watching();
}

void Session::start(const std::optional<Error>& refusal) {
    channel_->start(*this);
    if (refusal) {
        goodbye(*refusal);
    }
    touch();
}

// ---- the channel

void Session::on_message(BytesView message) {
    if (phase_ == Phase::ended) {
        return;
    }
    const auto received = protocol_.receive(message, loop_.loop().now());
    if (!received) {
        loop_.common().log.info("session.violation",
                                {{"session", number_}, {"why", received.error().description}});
    }
    take_outputs();
    touch();
}

void Session::on_alive() {
    protocol_.alive(loop_.loop().now());
}

void Session::on_room() {
    touch();
}

void Session::on_end(const io::ChannelEnd& end) {
    loop_.common().log.debug("connection.ended",
                             {{"session", number_}, {"code", int{end.code}}, {"why", end.reason}});
    gone_ = true;
    leave(ErrorCode::connection_refused);
    touch();
}

bool Session::settle() {
    touched_ = false;
    if (gone_) {
        return false;
    }
    take_outputs();
    protocol_.transmit(*channel_);
    take_outputs();
    if (phase_ == Phase::ended && protocol_.finished() && !std::exchange(closing_, true)) {
        // The channel bounds the wait for the peer's part of the closing itself.
        linger_until_.reset();
        channel_->close(close_code_, {});
    }
    const bool pause = phase_ != Phase::ended && !protocol_.wants_to_read();
    if (pause != reading_paused_) {
        reading_paused_ = pause;
        channel_->pause_reading(pause);
    }
    plan_wake();
    return true;
}

void Session::give_way() {
    goodbye(make_error(ErrorCode::timed_out, "no Hello came, and others wait for the place"));
}

void Session::wake() {
    const Instant now = loop_.loop().now();
    if (!wakes_.take(now)) {
        return;
    }
    if (linger_until_ && *linger_until_ <= now) {
        // It reads nothing: it will not hear more.
        gone_ = true;
        channel_.reset();
        return touch();
    }
    if (held_until_ && *held_until_ <= now) {
        release_hold();
        hold_reading();
    }
    if (phase_ != Phase::ended) {
        protocol_.tick(now);
    }
    if (events_stopped_until_ && *events_stopped_until_ <= now) {
        events_stopped_until_.reset();
        pump();
    }
    touch();
}

void Session::plan_wake() {
    Instant when = Instant::max();
    if (phase_ != Phase::ended) {
        when = protocol_.deadline().value_or(when);
    }
    if (held_until_) {
        when = std::min(when, *held_until_);
    }
    if (linger_until_) {
        when = std::min(when, *linger_until_);
    }
    if (events_stopped_until_) {
        when = std::min(when, *events_stopped_until_);
    }
    if (wakes_.plan(when)) {
        loop_.wake_at(when, number_);
    }
}

void Session::touch() {
    if (!std::exchange(touched_, true)) {
        loop_.touch(number_);
    }
}

// ---- what the protocol says

void Session::take_outputs() {
    while (auto output = protocol_.next_output()) {
        std::visit([this](auto& what) { on_output(what); }, *output);
    }
}

void Session::on_output(protocol::ServerSession::HelloReceived& output) {
    wire::Hello& hello = output.hello;
    auto claims =
        loop_.authenticator().check(hello.token, hello.device_id, channel_->peer_address());
    if (!claims) {
        return goodbye(claims.error());
    }
    channel_->authenticated();
    loop_.forget_stranger(number_);
    identity_ = std::make_shared<const Identity>(Identity{
        {std::move(claims->application), std::move(claims->user)}, std::move(hello.device_id)});
    messaging_ = hello.supports_messaging;
    opening_ = std::make_unique<Opening>(Opening{std::move(hello.cursor), end_of(*claims)});
    ends_at_ms_ = told_end_of(*claims);
    phase_ = Phase::enrolling;
    attached_ = true;
    Users::Attach attach{identity_, messaging_, {loop_.index(), number_}};
    loop_.at_home(mailbox_id(), [attach = std::move(attach)](NodeLoop& home) mutable {
        const SessionRef session = attach.session;
        home.users().attach(std::move(attach), [&home, session](auto attached) {
            home.visit(session.loop, [number = session.number,
                                      attached = std::move(attached)](NodeLoop& there) mutable {
                if (Session* it = there.find(number)) {
                    it->on_attached(std::move(attached));
                }
            });
        });
    });
}

void Session::on_attached(Result<std::shared_ptr<Rate>> attached) {
    if (phase_ != Phase::enrolling) {
        return;
    }
    if (!attached) {
        attached_ = false;
        if (!is_of_the_store(attached.error())) {
            return goodbye(attached.error());
        }
        return store_failed(attached.error(),
                            "the server cannot store anything now; try again later");
    }
    rate_ = std::move(attached).value();
    phase_ = Phase::opening;
    if (messaging_) {
        // Before the head is asked for, so that nothing can fall between (R7).
        loop_.watches().join(mailbox_id(), number_);
        watching_ = true;
    }
    loop_.store().head(mailbox_id(),
                       [this_loop = &loop_, number = number_](Result<mailbox::Head> head) {
                           if (Session* it = this_loop->find(number)) {
                               it->on_head(std::move(head));
                           }
                       });
}

void Session::on_head(Result<mailbox::Head> head) {
    if (phase_ != Phase::opening) {
        return;
    }
    if (!head) {
        return store_failed(head.error(), "the mailbox cannot be read now; try again later");
    }
    phase_ = Phase::live;
    opened_at_ = loop_.store().now();
    const std::unique_ptr<Opening> opening = std::move(opening_);
    const bool accepted = opening->cursor && is_valid(*opening->cursor, *head);
    position_ = accepted ? opening->cursor->sequence : Sequence{};
    acked_ = position_;
    mark_ = head->mark;
    known_head_ = std::max(known_head_, head->newest.sequence);

    wire::Welcome welcome;
    welcome.user_id = mailbox_id().user;
    welcome.session_id = loop_.new_session_id();
    welcome.head = head->newest;
    welcome.cursor_accepted = accepted;
    welcome.server_time_ms = to_ms(loop_.store().now());
    welcome.limits = loop_.options().limits;
    welcome.session_ends_at_ms = ends_at_ms_;
    protocol_.welcome(welcome, messaging_, opening->ends);
    count_session(1);
    loop_.metrics().add(Metric::sessions_opened);
    if (loop_.messages().on()) {
        loop_.common().log.debug("session.opened", {{"session", number_},
                                                    {"id", welcome.session_id},
                                                    {"mailbox", log_name(mailbox_id())},
                                                    {"resumed", accepted}});
    }
    // A cursor acknowledges like an Ack (R21), but what lies under it is not known here.
    if (messaging_ && acked_ > mark_) {
        loop_.at_home(mailbox_id(),
                      [identity = identity_, to = acked_, mark = mark_](NodeLoop& home) {
                          home.receipts().acknowledge(identity->mailbox, {to, to, mark, {}});
                      });
    }
    pump();
    touch();
}

// R19
bool Session::is_valid(const Cursor& cursor, const mailbox::Head& head) const {
    return cursor.epoch == head.newest.epoch && cursor.sequence <= head.newest.sequence &&
           cursor.sequence >= head.floor;
}

void Session::on_output(protocol::ServerSession::Submitted& output) {
    if (phase_ != Phase::live) {
        return;
    }
    if (lane_ == nullptr) {
        lane_ = &loop_.router().open(number_, *this, identity_);
    }
    const std::uint32_t recipients = lane_->submit(std::move(output.submit));
    const Instant now = loop_.loop().now();
    const Duration wait = rate_->take(loop_.rate_limit(), now, recipients);
    if (wait == Duration::zero()) {
        return;
    }
    if (!held_until_) {
        loop_.metrics().add(Metric::rate_holds);
        loop_.metrics().add(Metric::sessions_held);
    }
    held_until_ = now + wait;
    hold_reading();
}

void Session::on_output(protocol::ServerSession::Acknowledged& output) {
    if (phase_ != Phase::live) {
        return;
    }
    acknowledge(output.sequence);
    pump();
}

void Session::on_output(protocol::ServerSession::RefreshReceived& output) {
    if (phase_ != Phase::live) {
        return;
    }
    auto claims =
        loop_.authenticator().check(output.token, identity_->device, channel_->peer_address());
    if (claims && MailboxId{claims->application, claims->user} != mailbox_id()) {
        claims =
            unexpected(make_error(ErrorCode::not_authenticated, "the token is for another user"));
    }
    if (!claims) {
        return goodbye(claims.error());
    }
    ends_at_ms_ = told_end_of(*claims);
    protocol_.refreshed(ends_at_ms_, end_of(*claims));
}

void Session::on_output(protocol::ServerSession::Ended& output) {
    if (phase_ == Phase::ended) {
        return;
    }
    loop_.common().log.debug("session.ended", {{"session", number_},
                                               {"code", static_cast<int>(output.error.code)},
                                               {"why", output.error.description}});
    close_code_ = output.close_code;
    linger_until_ = loop_.loop().now() + loop_.options().linger;
    leave(output.error.code);
    touch();
}

Instant Session::end_of(const protocol::TokenClaims& claims) const {
    return loop_.loop().now() + loop_.authenticator().remaining(claims) +
           loop_.options().token_grace;
}

// By the clock that Welcome tells. That is the store's, and while it does not follow the wall clock
// (R17), by which tokens end, a client would ask for a new one too late, or all the time (R22).
std::int64_t Session::told_end_of(const protocol::TokenClaims& claims) const {
    constexpr std::int64_t kSame = 1000;
    const std::int64_t exact = to_ms(claims.expires_at);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        loop_.authenticator().remaining(claims));
    const std::int64_t told = to_ms(loop_.store().now() + left);
    return std::abs(told - exact) < kSame ? exact : told;
}

// ---- the end

void Session::on_replaced() {
    attached_ = false;
    goodbye(make_error(ErrorCode::replaced, "a newer session of this device took over"));
}

void Session::drain() {
    if (phase_ == Phase::ended || draining_) {
        return;
    }
    draining_ = true;
    hold_reading();
    lane_ == nullptr ? drained() : lane_->drain();
    touch();
}

void Session::goodbye(const Error& error) {
    if (phase_ == Phase::ended) {
        return;
    }
    const bool come_back = error.code == ErrorCode::draining ||
                           error.code == ErrorCode::server_error ||
                           error.code == ErrorCode::too_many_connections;
    protocol_.goodbye(error, come_back ? loop_.spread() : std::chrono::milliseconds{});
    touch();
}

void Session::store_failed(const Error& cause, std::string_view told) {
    loop_.common().log.warn("session.store_failed",
                            {{"session", number_}, {"why", cause.description}});
    goodbye(make_error(ErrorCode::server_error, std::string(told)));
}

// Lets go of all parts. The lane carries on alone with what is at the store.
void Session::leave(ErrorCode why) {
    if (phase_ == Phase::live) {
        count_session(-1);
    } else if (phase_ != Phase::ended) {
        loop_.metrics().add(metric_of_refusal(why));
        loop_.forget_stranger(number_);
    }
    phase_ = Phase::ended;
    stop_watching();
    if (lane_ != nullptr) {
        std::exchange(lane_, nullptr)->leave();
    }
    release_hold();
    events_go_on();
    in_flight_ = {};
    if (!std::exchange(attached_, false)) {
        return;
    }
    loop_.at_home(mailbox_id(),
                  [identity = identity_, session = SessionRef{loop_.index(), number_}](
                      NodeLoop& home) { home.users().detach(identity->mailbox, session); });
}

void Session::stop_watching() {
    if (std::exchange(watching_, false)) {
        loop_.watches().leave(mailbox_id(), number_);
    }
}

void Session::count_session(std::int64_t count) {
    loop_.metrics().add(
        encoding_ == wire::Encoding::json ? Metric::sessions_json : Metric::sessions_proto, count);
}

void Session::release_hold() {
    if (held_until_) {
        held_until_.reset();
        loop_.metrics().add(Metric::sessions_held, -1);
    }
}

// ---- submissions

void Session::answered(wire::SubmitResult result) {
    if (phase_ != Phase::live) {
        return;
    }
    protocol_.answer(std::move(result));
    touch();
}

void Session::store_away(bool away) {
    store_away_ = away;
    hold_reading();
}

void Session::gave_up(const Error& error) {
    goodbye(error);
}

void Session::drained() {
    goodbye(make_error(ErrorCode::draining, "the server is going down"));
}

void Session::hold_reading() {
    if (phase_ == Phase::ended) {
        return;
    }
    protocol_.hold_reading(store_away_ || draining_ || held_until_.has_value());
    touch();
}

}  // namespace parley::server
