#include "rig.h"

#include <limits>

namespace parley::client {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Sessions : public EngineRig {
  protected:
    std::vector<Phase> phases() {
        std::vector<Phase> phases;
        for (const ConnectionState& state : std::exchange(states_, {})) {
            phases.push_back(state.phase);
        }
        return phases;
    }
};

TEST_F(Sessions, SaysThatItStarted) {
    begin();
    EXPECT_THAT(events(), ElementsAre("started alice"));
    EXPECT_THAT(phases(), ElementsAre(Phase::connecting, Phase::connected));
    EXPECT_EQ(server_.last().hello.device_id, device_);
    EXPECT_EQ(server_.last().hello.token, "token");
    EXPECT_TRUE(server_.last().hello.supports_messaging);
    const DeviceId first = device_;
    restart();
    EXPECT_EQ(device_, first) << "the id is made once";
}

TEST_F(Sessions, RefusesAStoreOfAnotherUser) {
    begin();
    crash();
    options_.user = UserId("bob");
    auto opened = sqlite::open_sqlite_store({"disk", disk_.name()}, Logger(null_log()));
    ASSERT_TRUE(opened);
    Engine engine(options_, **opened, loop_, dialer_, wall_, entropy_, *this, Logger(null_log()));
    auto device = engine.open();
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().code, ErrorCode::store_foreign);
}

TEST_F(Sessions, TriesAgainWithBackoffAndSaysWhyOnce) {  // R9, R14
    dialer_.refuse(make_error(ErrorCode::connection_refused, "refused"));
    begin();
    send_now(draft("m1"));
    loop_.advance(10min);
    EXPECT_THAT(events(), ElementsAre("failed 1000"));
    EXPECT_GT(dialer_.attempts(), 10u);
    EXPECT_LT(dialer_.attempts(), 60u);
    EXPECT_EQ(phase(), Phase::waiting);
    ASSERT_TRUE(engine_->state().next_attempt);
    EXPECT_LE(*engine_->state().next_attempt - loop_.now(), kBackoffMost);
    dialer_.refuse(std::nullopt);
    loop_.advance(61s);
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
    EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(Sessions, TheNetworksReturnCutsTheWaitShort) {  // R9
    dialer_.refuse(make_error(ErrorCode::connection_refused, "refused"));
    begin();
    loop_.advance(10min);
    dialer_.refuse(std::nullopt);
    engine_->network_changed();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_EQ(dialer_.network_changes(), 1u);
}

TEST_F(Sessions, AChangedNetworkShowsADeadConnection) {
    begin();
    server_.go_silent();
    engine_->network_changed();
    loop_.advance(8s);
    EXPECT_EQ(server_.sessions.size(), 2u);
    EXPECT_EQ(phase(), Phase::connected);
}

TEST_F(Sessions, AHalfOpenConnectionIsNoticed) {
    begin();
    server_.go_silent();
    loop_.advance(70s);
    EXPECT_EQ(server_.sessions.size(), 2u);
    EXPECT_EQ(events().back(), "failed 1001");
}

TEST_F(Sessions, BackoffGrowsWhileSessionsEndAtOnce) {  // R9
    server_.refuse_hello = make_error(ErrorCode::server_error, "overloaded");
    begin();
    loop_.advance(10min);
    EXPECT_LT(server_.sessions.size(), 60u);
    server_.refuse_hello.reset();
    loop_.advance(60s);
    EXPECT_EQ(phase(), Phase::connected);
}

TEST_F(Sessions, HonoursTheServersWishWhenToComeBack) {  // R9
    begin();
    server_.goodbye(ErrorCode::draining, 30s);
    loop_.run_ready();
    const auto attempts = dialer_.attempts();
    loop_.advance(29s);
    engine_->network_changed();
    loop_.run_ready();
    EXPECT_EQ(dialer_.attempts(), attempts) << "also when the network changes";
    loop_.advance(2s);
    EXPECT_EQ(phase(), Phase::connected);
}

TEST_F(Sessions, AReplacedOneDoesNotComeBackByItself) {  // R24
    begin();
    events();
    server_.goodbye(ErrorCode::replaced);
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("final 3001"));
    EXPECT_EQ(phase(), Phase::stopped);
    loop_.advance(10min);
    EXPECT_EQ(server_.sessions.size(), 1u);
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], 0) << "the outbox still takes messages";
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_THAT(events(), ElementsAre("started alice"));
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Sessions, RefusedForGoodIsFinal) {
    for (const ErrorCode code : {ErrorCode::too_many_sessions, ErrorCode::refused_by_policy,
                                 ErrorCode::protocol_violation}) {
        server_.refuse_hello = make_error(code, "no");
        begin();
        EXPECT_THAT(events(), ElementsAre("final " + std::to_string(static_cast<int>(code))));
        EXPECT_EQ(phase(), Phase::stopped);
        crash();
    }
}

TEST_F(Sessions, AUrlThatCanNeverWorkIsFinal) {
    dialer_.refuse(make_error(ErrorCode::invalid_argument, "no such scheme"));
    begin();
    EXPECT_THAT(events(), ElementsAre("final 4000"));
    loop_.advance(1h);
    EXPECT_EQ(dialer_.attempts(), 1u);
}

// ---- tokens

TEST_F(Sessions, AsksForATokenWhenItHasNone) {  // R22
    launch();
    engine_->start();
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("token missing"));
    EXPECT_EQ(phase(), Phase::waiting_for_token);
    loop_.advance(1h);
    EXPECT_THAT(events(), IsEmpty()) << "asked once";
    engine_->set_token("t1");
    loop_.run_ready();
    EXPECT_EQ(server_.last().hello.token, "t1");
}

TEST_F(Sessions, AsksForANewTokenBeforeItEnds) {  // R22
    server_.token_life = 1h;
    begin();
    events();
    pass(59min - 1s);
    EXPECT_THAT(events(), IsEmpty());
    token_answer_ = "t2";
    pass(3s);
    EXPECT_THAT(events(), ElementsAre("token ends_soon"));
    EXPECT_THAT(server_.last().refreshes, ElementsAre("t2"));
    pass(58min);
    EXPECT_THAT(events(), IsEmpty());
    pass(2min);
    EXPECT_THAT(events(), ElementsAre("token ends_soon")) << "and again before the new one ends";
    EXPECT_EQ(server_.sessions.size(), 1u) << "the session went on";
}

TEST_F(Sessions, ATokenThatEndsIsReplaced) {  // R22, R14
    server_.token_life = 1min;
    begin();
    send_now(draft("m1"));
    pass(90s);
    EXPECT_EQ(phase(), Phase::waiting_for_token);
    EXPECT_THAT(heard(), IsEmpty()) << "no message fails for it";
    engine_->set_token("t2");
    pass(2s);
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_EQ(server_.last().hello.token, "t2");
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Sessions, ARefusedTokenIsAskedForAgainOnce) {
    server_.refuse_hello = make_error(ErrorCode::not_authenticated, "no");
    begin();
    EXPECT_THAT(events(), ElementsAre("failed 2002", "token refused"));
    EXPECT_EQ(phase(), Phase::waiting_for_token);
    engine_->set_token("t2");
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("final 2002"));
    EXPECT_EQ(phase(), Phase::stopped);
    server_.refuse_hello.reset();
    engine_->start();
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("token missing"));
    engine_->set_token("t3");
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("started alice"));
}

TEST_F(Sessions, AnotherUsersTokenReadsNothingIntoThisStore) {  // R23
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    crash();
    events();
    server_.user = "mallory";
    begin();
    EXPECT_THAT(events(), Contains("failed 2002"));
    EXPECT_EQ(phase(), Phase::waiting_for_token);
}

TEST_F(Sessions, AnAppWithoutATokenIsAskedAgainLater) {
    launch();
    engine_->start();
    loop_.run_ready();
    events();
    engine_->token_refused(make_error(ErrorCode::not_authenticated, "the app's server is away"));
    loop_.run_ready();
    EXPECT_THAT(events(), ElementsAre("failed 2002"));
    loop_.advance(2s);
    EXPECT_THAT(events(), ElementsAre("token missing"));
}

// ---- the exception of R14

TEST_F(Sessions, TheEntryOnWhichTwoSessionsEndFails) {  // R14
    begin();
    send(draft("m1"));
    send(draft("m2"));
    loop_.run_ready();
    server_.goodbye(ErrorCode::protocol_violation);
    pass(2s);
    ASSERT_EQ(server_.sessions.size(), 2u) << "not final: the entry may be at fault";
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1", "m2"));
    EXPECT_THAT(heard(), IsEmpty());
    server_.goodbye(ErrorCode::protocol_violation);
    pass(2s);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:4000"));
    ASSERT_EQ(server_.sessions.size(), 3u);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m2"));
}

TEST_F(Sessions, ClosingWithMessageTooBigCountsToo) {  // R14
    for (const std::uint16_t code :
         {io::close_code::kMessageTooBig, io::close_code::kInvalidPayload}) {
        begin();
        const std::string id = "m" + std::to_string(code);
        send_now(draft(id));
        server_.close(code);
        pass(2s);
        server_.close(code);
        pass(4s);
        EXPECT_THAT(heard(), ElementsAre("failed " + id + " bob:4000"));
        crash();
    }
}

TEST_F(Sessions, AnyOtherEndFailsNoMessage) {  // R14
    begin();
    send_now(draft("m1"));
    for (int i = 0; i < 5; ++i) {
        server_.cut();
        pass(61s);
        server_.goodbye(ErrorCode::server_error);
        pass(61s);
        server_.close(io::close_code::kPolicyViolation);
        pass(61s);
    }
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_THAT(outbox(), ElementsAre("m1"));
}

TEST_F(Sessions, AnAnswerBetweenClearsTheBlame) {  // R14
    begin();
    send(draft("m1"));
    send(draft("m2"));
    loop_.run_ready();
    server_.goodbye(ErrorCode::protocol_violation);
    pass(2s);
    server_.answer();
    loop_.run_ready();
    server_.goodbye(ErrorCode::protocol_violation);
    pass(2s);
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob"));
    EXPECT_THAT(outbox(), ElementsAre("m2"));
}

// All limits are the server's configuration: its frames may be longer than they usually are.
TEST_F(Sessions, TakesFramesAsLongAsTheServerToldLast) {
    constexpr std::size_t kMiB = 1024 * 1024;
    begin();
    EXPECT_EQ(dialer_.targets().back().message_bytes, kMiB);
    server_.limits.frame_bytes = 4 * kMiB;
    server_.cut();
    pass(2s);
    server_.cut();
    pass(4s);
    EXPECT_EQ(dialer_.targets().back().message_bytes, 4 * kMiB);
    restart();
    EXPECT_EQ(dialer_.targets().back().message_bytes, 4 * kMiB);
    server_.limits.frame_bytes = UINT32_MAX;
    server_.cut();
    pass(2s);
    restart();
    EXPECT_EQ(dialer_.targets().back().message_bytes, 256 * kMiB);
}

// ---- stopping

TEST_F(Sessions, StopsAtOnce) {
    begin();
    send_now(draft("m1"));
    server_.incoming("bob", "x1");
    loop_.run_turn();
    engine_->stop(Stop::now);
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::stopped);
    EXPECT_TRUE(server_.last().ended);
    EXPECT_EQ(server_.last().close_code, io::close_code::kNormal);
    send_now(draft("m2"));
    EXPECT_EQ(returned_["m2"], static_cast<int>(ErrorCode::wrong_state));
    loop_.advance(10min);
    EXPECT_EQ(server_.sessions.size(), 1u);
    EXPECT_THAT(outbox(), ElementsAre("m1"));
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Sessions, StopsGracefullyWhenTheOutboxIsAnswered) {
    begin();
    send(draft("m1"));
    send(draft("m2"));
    engine_->stop(Stop::gracefully);
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    server_.answer();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    server_.answer();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::stopped);
    EXPECT_EQ(server_.last().close_code, io::close_code::kNormal);
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Sessions, StopsGracefullyWithoutASessionAtOnce) {
    dialer_.refuse(make_error(ErrorCode::connection_refused, "refused"));
    begin();
    send_now(draft("m1"));
    engine_->stop(Stop::gracefully);
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::stopped);
}

TEST_F(Sessions, TheEndOfTheSessionEndsAGracefulStop) {
    begin();
    send_now(draft("m1"));
    engine_->stop(Stop::gracefully);
    loop_.run_ready();
    server_.cut();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::stopped);
    engine_->stop(Stop::now);
    loop_.run_ready();
    EXPECT_EQ(phases().back(), Phase::stopped);
}

TEST_F(Sessions, StartAfterStopWhileTheConnectionCloses) {
    begin();
    engine_->stop(Stop::now);
    loop_.run_turn();
    engine_->start();
    loop_.run_ready();
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_EQ(server_.sessions.size(), 2u);
}

TEST_F(Sessions, CanBeDestroyedWithWorkUnderWay) {
    begin();
    send(draft("m1"));
    engine_.reset();
    loop_.run_ready();
    EXPECT_TRUE(returned_.empty()) << "pending outcomes are not told";
    EXPECT_TRUE(server_.last().ended);
}

TEST_F(Sessions, AbsurdTimesAndLimitsOfAServerAreNoCrash) {
    server_.auto_welcome = false;
    for (const std::int64_t absurd : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1},
                                      std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
        begin();
        wire::Welcome welcome;
        welcome.user_id = UserId("alice");
        welcome.head = server_.head;
        welcome.server_time_ms = absurd;
        welcome.session_ends_at_ms = absurd;
        welcome.limits = Limits{0, 0, 0, 0, 0, 0, 0, 0, 0, 0s, 0s, 0s, 0s};
        if (absurd > 0) {
            constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
            constexpr std::chrono::seconds kLongest(kMost);
            welcome.limits = Limits{kMost, kMost, kMost,    kMost,    kMost,    kMost,   kMost,
                                    kMost, kMost, kLongest, kLongest, kLongest, kLongest};
        }
        server_.write_raw(wire::ServerFrame(welcome));
        loop_.run_ready();
        const std::string id = "m" + std::to_string(static_cast<std::uint64_t>(absurd));
        send_now(draft(id));
        EXPECT_EQ(returned_[id], 0);
        wire::Events frame;
        frame.events.push_back(
            {Sequence(1), absurd,
             wire::Delivered{MessageId(id), UserId("bob"), ChainKey(id), absurd}});
        server_.write_raw(wire::ServerFrame(frame));
        pass(2min);
        heard();
        crash();
    }
}

TEST_F(Sessions, GarbageFromAServerIsNoCrash) {
    begin();
    for (const std::string& bytes :
         {std::string("garbage"), std::string(1000, '\xff'), std::string("\x12\x00", 2)}) {
        server_.write_raw(bytes);
        pass(61s);
        EXPECT_EQ(phase(), Phase::connected);
    }
    EXPECT_GE(server_.sessions.size(), 2u);
}

}  // namespace
}  // namespace parley::client
