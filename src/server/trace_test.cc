#include "server/trace.h"

#include "mailbox/records.h"
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

class TraceTest : public testing::Test {
  protected:
    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};
    TestDevice carol{*server.loops.front(), "carol", "c1"};
    std::uint64_t steps = 0;
    std::uint64_t events = 0;
    std::uint64_t unreadable = 0;

    // To its end, step by step.
    std::optional<Traced> trace(const std::string& message, const std::string& from = "") {
        TraceQuery query;
        query.message = MessageId(message);
        query.applications = {ApplicationKey("another"), kTestApplication};
        if (!from.empty()) {
            query.from = UserId(from);
        }
        steps = events = unreadable = 0;
        while (true) {
            std::optional<TraceAnswer> answer;
            trace_step(*server.door, query,
                       [&](Result<TraceAnswer> result) { answer = std::move(*result); });
            server.run(1ms);
            ++steps;
            events += answer->events;
            unreadable += answer->unreadable;
            if (answer->traced || !answer->next) {
                return answer->traced;
            }
            query.place = answer->next;
        }
    }
    // As if retention had taken it.
    void forget_events_of(const std::string& user) {
        server.door->erase({kTestApplication, UserId(user)}, [](auto) {});
        server.run();
    }
};

TEST_F(TraceTest, TellsWhoSentItWhoHasItAndWhoDoesNot) {
    server.open(bob);
    carol.acknowledges = false;
    server.open(carol);
    server.open(alice);
    server.submit(alice, make_submit("m0", {"bob"}));
    server.submit(alice, make_submit("m1", {"bob", "carol", "nobody"}));
    for (const char* from : {"", "alice"}) {
        const auto traced = trace("m1", from);
        ASSERT_TRUE(traced) << from;
        EXPECT_EQ(traced->application, kTestApplication);
        EXPECT_EQ(traced->sender.value(), "alice");
        EXPECT_EQ(traced->device, DeviceId("a1"));
        ASSERT_TRUE(traced->sent);
        ASSERT_EQ(traced->recipients.size(), 2u);
        const TracedRecipient& has = traced->recipients[0];
        EXPECT_EQ(has.user.value(), "bob");
        ASSERT_TRUE(has.incoming);
        EXPECT_EQ(has.incoming->sequence, bob.events.back().sequence);
        EXPECT_EQ(to_ms(has.accepted_at), alice.results[1].recipients[0].accepted_at_ms);
        ASSERT_TRUE(has.delivered);
        EXPECT_EQ(has.delivered->sequence, alice.events.back().sequence);
        EXPECT_TRUE(has.devices.empty());
        const TracedRecipient& waits = traced->recipients[1];
        EXPECT_EQ(waits.user.value(), "carol");
        EXPECT_TRUE(waits.incoming);
        EXPECT_FALSE(waits.delivered);
        ASSERT_EQ(waits.devices.size(), 1u);
        EXPECT_EQ(waits.devices[0].device.value(), "c1");
    }
}

TEST_F(TraceTest, SaysThatAMessageWasNeverSeen) {
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_FALSE(trace("m2"));
    EXPECT_FALSE(trace("m2", "alice"));
    EXPECT_FALSE(trace("m1", "bob"));  // bob did not send it
    EXPECT_FALSE(trace("m1", "nobody"));
    EXPECT_TRUE(trace("m1", "alice"));
}

TEST_F(TraceTest, FindsWhatRecipientsHoldOfASenderWhoWasErased) {
    server.open(bob);
    server.open(carol);
    server.open(alice);
    server.submit(alice, make_submit("m1", {"bob", "nobody", "carol"}));
    forget_events_of("alice");
    const auto traced = trace("m1");
    ASSERT_TRUE(traced);
    EXPECT_EQ(traced->sender.value(), "alice");
    EXPECT_FALSE(traced->sent);
    ASSERT_EQ(traced->recipients.size(), 2u);
    EXPECT_TRUE(traced->recipients[0].incoming);
    EXPECT_EQ(traced->recipients[1].user.value(), "carol");
}

TEST_F(TraceTest, ARecipientWhoWasErasedHoldsNothing) {
    server.open(bob);
    server.open(alice);
    server.submit(alice, make_submit("m1", {"bob"}));
    forget_events_of("bob");
    const auto traced = trace("m1");
    ASSERT_TRUE(traced);
    ASSERT_EQ(traced->recipients.size(), 1u);
    EXPECT_FALSE(traced->recipients[0].incoming);
    EXPECT_TRUE(traced->recipients[0].delivered);
    EXPECT_GT(to_ms(traced->recipients[0].accepted_at), 0);  // its `sent` knows
}

TEST_F(TraceTest, FindsTheSentOfAMessageThatWasMetAtItsRecipientFirst) {
    TestDevice zoe(*server.loops.front(), "zoe", "z1");
    server.open(bob);
    server.open(zoe);
    server.submit(zoe, make_submit("m1", {"bob"}));
    const auto traced = trace("m1");  // bob's mailbox comes before zoe's
    ASSERT_TRUE(traced);
    EXPECT_TRUE(traced->sent);
    EXPECT_EQ(traced->device, DeviceId("z1"));
}

TEST_F(TraceTest, TakesAllThatWereAcceptedWhenItWasSentAgain) {  // wire.md, 6; R12
    TestDevice aaron(*server.loops.front(), "aaron", "x1");
    server.open(aaron);
    server.open(bob);
    server.open(alice);
    server.submit(alice, make_submit("m1", {"aaron", "bob", "carol"}));
    server.submit(alice, make_submit("m0", {"bob"}));
    server.open(carol);
    server.submit(alice, make_submit("m1", {"aaron", "bob", "carol"}));
    ASSERT_EQ(alice.results.back().recipients.size(), 3u);
    // Met at aaron's mailbox first, or in the sender's.
    for (const char* from : {"", "alice"}) {
        const auto traced = trace("m1", from);
        ASSERT_TRUE(traced) << from;
        ASSERT_TRUE(traced->sent);
        EXPECT_EQ(traced->device, DeviceId("a1"));
        ASSERT_EQ(traced->recipients.size(), 3u) << from;
        for (std::size_t i = 0; i < 3; ++i) {
            const char* const users[] = {"aaron", "bob", "carol"};
            EXPECT_EQ(traced->recipients[i].user.value(), users[i]);
            EXPECT_TRUE(traced->recipients[i].delivered) << users[i];
        }
    }
}

TEST_F(TraceTest, GoesOnAfterAMailboxThatCannotBeRead) {
    TestDevice aaron(*server.loops.front(), "aaron", "x1");
    server.open(aaron);
    server.open(bob);
    server.open(alice);
    server.submit(alice, make_submit("m0", {"aaron"}));
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_TRUE(trace("m1"));
    EXPECT_EQ(unreadable, 0u);
    server.table->damage(
        mailbox::Space::events,
        mailbox::event_key(mailbox::mailbox_key({kTestApplication, UserId("aaron")}),
                           aaron.events.back().sequence.value()));
    EXPECT_TRUE(trace("m1"));
    EXPECT_EQ(unreadable, 1u);
    EXPECT_FALSE(trace("m2"));
    EXPECT_EQ(unreadable, 1u);
}

TEST_F(TraceTest, WhatIsGoneDoesNotWait) {
    carol.acknowledges = false;
    server.open(carol);
    server.open(alice);
    server.submit(alice, make_submit("m1", {"carol"}));
    forget_events_of("carol");
    const auto traced = trace("m1");
    ASSERT_TRUE(traced);
    ASSERT_EQ(traced->recipients.size(), 1u);
    EXPECT_FALSE(traced->recipients[0].incoming);
    EXPECT_FALSE(traced->recipients[0].delivered);
}

TEST_F(TraceTest, GoesThroughManyMailboxesByPagesAndSteps) {
    TestDevice last(*server.loops.front(), "u99999", "d");
    server.open(last);
    const std::uint64_t users = kTraceMailboxes + 300;
    for (std::uint64_t i = 0; i < users; ++i) {
        server.door->enroll({kTestApplication, UserId("u" + std::to_string(10000 + i))},
                            DeviceId("d"), true, {}, [](auto) {});
    }
    server.run();
    server.submit(last, make_submit("m1", {"u99999"}));
    EXPECT_TRUE(trace("m1"));
    EXPECT_EQ(steps, 2u);
    EXPECT_FALSE(trace("m2"));
    EXPECT_EQ(steps, 2u);
    EXPECT_EQ(events, 3u);  // incoming, sent, delivered
}

}  // namespace
}  // namespace parley::server
