#include "rig.h"

namespace parley::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Windows : public EngineRig {
  protected:
    // A server that cannot be reached.
    void offline() { dialer_.refuse(make_error(ErrorCode::connection_refused, "refused")); }
    void online() { dialer_.refuse(std::nullopt); }
};

TEST_F(Windows, EndsOfflineAtTheRightTime) {  // R10
    offline();
    begin();
    send_now(draft("m1", {"bob", "carol"}));
    loop_.advance(12h - 1s);
    EXPECT_THAT(heard(), IsEmpty());
    loop_.advance(2s);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001 carol:1001"));
    EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(Windows, EndsWithoutEverBeingStarted) {  // R10
    launch();
    send_now(draft("m1"));
    loop_.advance(12h + 1s);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
}

TEST_F(Windows, FailsAreNetworkErrorsThatAreNotRetried) {  // R10
    launch();
    send_now(draft("m1"));
    loop_.advance(12h + 1s);
    const auto callbacks = take();
    ASSERT_EQ(callbacks.size(), 1u);
    const Error& error = std::get<FailedDue>(callbacks[0].due).failures[0].error;
    EXPECT_EQ(error.domain, ErrorDomain::network);
    EXPECT_EQ(error.code, ErrorCode::timed_out);
    EXPECT_FALSE(error.retryable);
}

TEST_F(Windows, TheServersSmallerWindowCounts) {  // R9
    server_.limits.retry_window = 1h;
    begin();
    send_now(draft("m1"));
    pass(61min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
    crash();
    offline();
    begin();
    send_now(draft("m2"));
    loop_.advance(61min);
    EXPECT_THAT(heard(), ElementsAre("failed m2 bob:1001")) << "it is remembered";
}

TEST_F(Windows, NothingBehindWaitsForIt) {  // R10
    begin();
    send_now(draft("m1"));
    pass(6h);
    send_now(draft("m2"));
    pass(6h + 1min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
    server_.cut();
    pass(2s);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m2"));
}

TEST_F(Windows, ManyEndAtOnce) {  // R10
    launch();
    for (int i = 0; i < 500; ++i) {
        send(draft("m" + std::to_string(i)));
    }
    loop_.run_ready();
    loop_.advance(12h + 1s);
    EXPECT_EQ(heard().size(), 500u);
}

TEST_F(Windows, ElapsedTimeGoesOnOverRestarts) {  // R9
    offline();
    begin();
    send_now(draft("m1"));
    loop_.advance(5h);
    crash();
    loop_.advance(6h);
    begin();
    loop_.advance(59min);
    EXPECT_THAT(heard(), IsEmpty());
    loop_.advance(2min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
}

TEST_F(Windows, AWallClockThatJumpsDuringARunChangesNothing) {  // R9
    offline();
    begin();
    send_now(draft("m1"));
    wall_.jump(24h * 365);
    loop_.advance(11h);
    EXPECT_THAT(heard(), IsEmpty());
    loop_.advance(62min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
}

TEST_F(Windows, AWallClockSetBackOverARestartNeverCountsNegative) {  // R9
    offline();
    begin();
    send_now(draft("m1"));
    loop_.advance(6h);
    crash();
    wall_.jump(-24h * 365);
    begin();
    loop_.advance(6h + 15min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"))
        << "what had run before is kept, to ten minutes";
}

TEST_F(Windows, TheServersClockHasTheLastWordOnASubmittedEntry) {  // R9
    begin();
    send_now(draft("m1"));
    server_.cut();
    loop_.run_ready();
    offline();
    crash();
    wall_.jump(-1h);
    server_.clock_skew_ms += std::chrono::milliseconds(13h).count();
    online();
    begin();
    EXPECT_THAT(server_.submitted_ids(), IsEmpty());
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
}

TEST_F(Windows, TheTruthMayComeLater) {  // R12
    begin();
    send_now(draft("m1"));
    pass(12h + 1min);
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001"));
    server_.answer();
    server_.delivered("m1", "m1", "bob", 5);
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob", "delivered m1>bob"));
}

// ---- copies

TEST_F(Windows, ACopyInheritsTheKeyOfWhatIsNotKnownToBeAccepted) {  // R11
    begin();
    send_now(draft("m1"));
    EXPECT_TRUE(inherits("m1"));
    pass(12h + 1min);
    heard();
    send_copy("m2", "m1");
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1", "m2"));
    EXPECT_EQ(server_.last().submits[1].message.key, ChainKey("m1"));
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob", "sent m2>bob")) << "R12: every id of the chain";
    server_.answer();
    server_.delivered("m1", "m1", "bob", 5);
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("delivered m1>bob", "delivered m2>bob"));
    EXPECT_FALSE(inherits("m1"));
    EXPECT_FALSE(inherits("m2"));
}

TEST_F(Windows, ACopyOfWhatIsAcceptedForAllStartsAChain) {  // R11
    begin();
    send_now(draft("m1"));
    server_.answer();
    loop_.run_ready();
    EXPECT_FALSE(inherits("m1"));
    EXPECT_FALSE(inherits("never-seen"));
}

TEST_F(Windows, ACopySubmitsOnlyWhatIsOpen) {  // R11, R12
    begin();
    send_now(draft("m1", {"bob", "carol"}));
    server_.answer_with({ScriptedServer::accepted(UserId("bob"), 5),
                         ScriptedServer::refused("carol", ErrorCode::recipient_unknown)});
    server_.delivered("m1", "m1", "bob", 5);
    loop_.run_ready();
    heard();
    send_copy("m2", "m1", {"bob", "carol"});
    EXPECT_THAT(heard(), ElementsAre("sent m2>bob", "delivered m2>bob"));
    ASSERT_EQ(server_.last().submits.size(), 2u);
    EXPECT_THAT(server_.last().submits[1].open_recipient_ids, ElementsAre(UserId("carol")));
    EXPECT_EQ(server_.last().submits[1].message.key, ChainKey("m1"));
}

TEST_F(Windows, ACopyOfAChainThatWasNeverSubmittedInheritsAtAnyAge) {  // R11
    launch();
    send_now(draft("m1"));
    loop_.advance(24h * 100);
    EXPECT_TRUE(inherits("m1"));
}

TEST_F(Windows, AnOldChainIsNotInherited) {  // R11
    server_.limits.dedupe_horizon = 24h;
    begin();
    send_now(draft("m1"));
    pass(12h - 1s);
    EXPECT_TRUE(inherits("m1"));
    OutgoingDraft held = draft("m2");
    held.key = engine_->copy_key(MessageId("m1")).value();
    pass(2s);
    EXPECT_FALSE(inherits("m1"));
    send_now(held);
    EXPECT_EQ(server_.last().submits.back().message.message_id, MessageId("m2"));
    EXPECT_TRUE(server_.last().submits.back().message.key.value().empty() ||
                server_.last().submits.back().message.key == ChainKey("m2"))
        << "decided again when it is sent late";
}

TEST_F(Windows, TheCopyOfACopyBelongsToTheFirstChain) {  // R11
    begin();
    send_now(draft("m1"));
    send_copy("m2", "m1");
    send_copy("m3", "m2");
    EXPECT_EQ(server_.last().submits[2].message.key, ChainKey("m1"));
    EXPECT_EQ(*engine_->copy_key(MessageId("m3")).value(), ChainKey("m1"));
}

TEST_F(Windows, ACopyMayNameItsOriginalInstead) {  // R11
    begin();
    send_now(draft("m1"));
    OutgoingDraft copy = draft("m2");
    copy.copy_of = MessageId("m1");
    send_now(copy);
    EXPECT_EQ(server_.last().submits[1].message.key, ChainKey("m1"));
    copy = draft("m3");
    copy.copy_of = MessageId("unknown");
    send_now(copy);
    EXPECT_TRUE(server_.last().submits[2].message.key.value().empty() ||
                server_.last().submits[2].message.key == ChainKey("m3"));
}

TEST_F(Windows, AChainBeyondTheHorizonIsNotSubmittedAgain) {  // R8, R9
    server_.limits.dedupe_horizon = 24h;
    begin();
    send_now(draft("m1"));
    pass(11h);
    offline();
    server_.cut();
    loop_.run_ready();
    send_copy("m2", "m1");
    crash();
    wall_.jump(-48h);
    server_.clock_skew_ms += std::chrono::milliseconds(14h).count();
    online();
    begin();
    EXPECT_THAT(server_.submitted_ids(), IsEmpty());
    EXPECT_THAT(heard(), ElementsAre("failed m1 bob:1001", "failed m2 bob:1001"));
}

}  // namespace
}  // namespace parley::client
