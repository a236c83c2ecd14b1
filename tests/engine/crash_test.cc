#include "rig.h"

#include <algorithm>
#include <set>

namespace parley::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

// The places of ARCHITECTURE.md, "A message, from thumb to thumb", on the device's side: the
// process dies there, its disk keeps what was synced, and what was promised holds.
class Crashes : public EngineRig {};

TEST_F(Crashes, BeforeTheMessageIsDurable) {  // R1, step 1
    begin();
    send(draft("m1"));
    crash();
    EXPECT_TRUE(returned_.empty()) << "nothing was said";
    begin();
    EXPECT_THAT(outbox(), IsEmpty());
    EXPECT_TRUE(server_.last().submits.empty());
}

TEST_F(Crashes, BetweenTheDiskAndTheFrame) {  // R1, step 2
    begin();
    send(draft("m1"));
    while (returned_.empty()) {
        ASSERT_TRUE(loop_.run_turn());
    }
    crash();
    begin();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Crashes, AfterTheSubmissionBeforeTheAnswer) {  // R9, step 3
    begin();
    send_now(draft("m1"));
    ASSERT_EQ(server_.last().submits.size(), 1u);
    restart();
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1")) << "with the same id and key";
    server_.sent("m1", "m1", {{"bob", 5}});
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob"));
}

TEST_F(Crashes, BetweenTheAnswerAndItsRecord) {  // R2, step 4
    begin();
    send_now(draft("m1"));
    store_->before_commit([](const Turn&) { return false; });  // dies in this call
    server_.answer();
    loop_.run_ready();
    restart();
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
    server_.answer();
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("sent m1>bob"));
}

TEST_F(Crashes, BetweenTheEventsAndTheirRecord) {  // R1, R7, step 6
    begin();
    store_->before_commit([](const Turn&) { return false; });
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(server_.last().acks, IsEmpty());
    restart();
    EXPECT_FALSE(server_.last().hello.cursor) << "it will be handed out again";
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
}

TEST_F(Crashes, BetweenTheRecordAndTheAck) {  // R8, step 7
    begin();
    bool recorded = false;
    store_->before_commit(
        [&](const Turn& turn) { return recorded = recorded || !turn.events.empty(), true; });
    server_.incoming("bob", "x1");
    while (!recorded) {
        ASSERT_TRUE(loop_.run_turn());
    }
    crash();
    begin();
    EXPECT_EQ(server_.last().hello.cursor->sequence, Sequence(1)) << "acknowledges it";
    server_.incoming("bob", "x1");
    loop_.run_ready();
    EXPECT_THAT(heard(), ElementsAre("incoming x1"));
}

TEST_F(Crashes, BetweenTheCallbackAndItsMark) {  // R8, step 8: the one exception
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    const auto before = take();
    engine_->callback_done(before[0].id);
    crash();
    begin();
    EXPECT_EQ(take(), before) << "again, with the same ids";
}

TEST_F(Crashes, BetweenTheWelcomeAndTheFirstEvents) {  // R19
    begin();
    server_.incoming("bob", "x1");
    loop_.run_ready();
    heard();
    server_.head.epoch = Epoch("e2");
    crash();
    begin();  // the cursor was void; nothing came before the crash
    restart();
    EXPECT_FALSE(server_.last().hello.cursor) << "a void cursor never comes back";
}

// ---- each call of the store fails once

class EachCall : public Crashes {
  protected:
    // A small life: two messages out, one answered and delivered, one refused; two in.
    void live() {
        send(draft("m1"));
        loop_.run_ready();
        send(draft("m2"));
        loop_.run_ready();
        serve();
        heard_of();
        pass(1s);
        heard_of();
    }
    // What a server does that loses nothing: answers what is unanswered, and hands out after the
    // cursor.
    void serve() {
        while (server_.unanswered() > 0) {
            server_.answer();
            loop_.run_ready();
        }
        server_.delivered("m1", "m1", "bob", 5);
        server_.incoming("bob", "x1");
        loop_.run_ready();
        server_.incoming("bob", "x2");
        loop_.run_ready();
    }
    void heard_of() {
        auto some = engine_->next_callbacks(100);
        if (!some) {
            return;
        }
        for (const Callback& callback : *some) {
            times_[say(callback)] += 1;
            engine_->callback_done(callback.id);
        }
    }
    std::map<std::string, int> times_;
};

TEST_F(EachCall, FailsOnceAndNothingIsLostOrDoubled) {  // R1, R7, R8
    for (std::uint64_t nth = 1;; ++nth) {
        SCOPED_TRACE("call " + std::to_string(nth));
        crash();
        disk_.forget();
        times_.clear();
        returned_.clear();
        begin();
        const auto calls = store_->calls();
        store_->fail_at(nth, make_error(ErrorCode::store_full, "no room"));
        live();
        const bool reached = store_->calls() >= calls + nth;
        store_->fail_at(0, make_error(ErrorCode::store_full, "no room"));
        pass(65s);  // a session that was ended for it is back
        EXPECT_EQ(phase(), Phase::connected);
        for (const char* id : {"m1", "m2"}) {
            ASSERT_TRUE(returned_.contains(id));
            if (returned_[id] != 0) {
                EXPECT_EQ(returned_[id], static_cast<int>(ErrorCode::store_full));
                send_now(draft(id));  // nothing of the call was kept, so it can be made again
                EXPECT_EQ(returned_[id], 0);
            }
        }
        serve();
        for (int i = 0; i < 3; ++i) {
            heard_of();
            pass(1s);
        }
        const std::map<std::string, int> expected = {{"sent m1>bob", 1},
                                                     {"sent m2>bob", 1},
                                                     {"delivered m1>bob", 1},
                                                     {"incoming x1", 1},
                                                     {"incoming x2", 1}};
        EXPECT_EQ(times_, expected);
        EXPECT_THAT(outbox(), IsEmpty());
        if (!reached || HasFailure()) {
            EXPECT_GT(nth, 15u) << "the loop walked through the calls";
            return;
        }
    }
}

TEST_F(EachCall, IsFollowedByACrashAndNothingIsLostOrDoubled) {  // R1, R7, R8
    for (std::uint64_t nth = 1;; ++nth) {
        SCOPED_TRACE("crash at commit " + std::to_string(nth));
        crash();
        disk_.forget();
        times_.clear();
        returned_.clear();
        begin();
        std::uint64_t commits = 0;
        store_->before_commit([&](const Turn&) { return ++commits < nth; });  // dead from there on
        live();
        const bool reached = commits >= nth;
        restart();
        for (const char* id : {"m1", "m2"}) {
            if (returned_[id] != 0) {
                send_now(draft(id));
            }
        }
        serve();
        for (int i = 0; i < 3; ++i) {
            heard_of();
            pass(1s);
        }
        for (const char* words :
             {"sent m1>bob", "sent m2>bob", "delivered m1>bob", "incoming x1", "incoming x2"}) {
            EXPECT_GE(times_[words], 1) << words;
            EXPECT_LE(times_[words], 2)
                << words << ": once more only after a crash before its mark";
        }
        EXPECT_THAT(outbox(), IsEmpty());
        if (!reached || HasFailure()) {
            return;
        }
    }
}

TEST_F(Crashes, AFullDiskFailsTheCallAndTheSessionLives) {  // issue 2: a full disk under the SDK
    begin();
    store_->fail_at(1, make_error(ErrorCode::store_full, "no room"));
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], static_cast<int>(ErrorCode::store_full));
    EXPECT_EQ(server_.sessions.size(), 1u);
    EXPECT_EQ(phase(), Phase::connected);
    EXPECT_TRUE(server_.last().submits.empty());
    send_now(draft("m1"));
    EXPECT_EQ(returned_["m1"], 0);
    EXPECT_THAT(server_.submitted_ids(), ElementsAre("m1"));
}

TEST_F(Crashes, ADiskThatStaysFullCostsNoLoop) {
    begin();
    send_now(draft("m1"));
    heard();
    store_->before_commit([](const Turn&) { return false; });
    const auto commits = store_->commits();
    server_.incoming("bob", "x1");
    pass(10min);
    EXPECT_LT(store_->commits() - commits, 700u) << "about once a second at most";
    store_->before_commit({});
    pass(61s);
    EXPECT_EQ(phase(), Phase::connected);
}

}  // namespace
}  // namespace parley::client
