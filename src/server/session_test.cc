// Who may have a session, and how sessions end.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

class SessionTest : public testing::Test {
  protected:
    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};

    void expect_goodbye(const TestDevice& device, ErrorCode code, std::uint16_t close_code) {
        ASSERT_TRUE(device.goodbye);
        EXPECT_EQ(device.goodbye->error.code, code);
        EXPECT_EQ(device.wire->close_code, close_code);
        EXPECT_TRUE(device.wire->dropped);
    }
    void refused(const std::string& token, const std::string& device_id = "a1") {
        server.dial(alice);
        wire::Hello hello = server.hello(alice);
        hello.token = token;
        hello.device_id = DeviceId(device_id);
        alice.send(hello);
        server.run();
        EXPECT_FALSE(alice.welcome);
        expect_goodbye(alice, ErrorCode::not_authenticated, io::close_code::kPolicyViolation);
        EXPECT_EQ(alice.goodbye->error.description,
                  "the token was refused; the server's log says why");
    }
};

TEST_F(SessionTest, TellsTheClientWhatHolds) {
    server.open(alice);
    ASSERT_TRUE(alice.welcome);
    EXPECT_EQ(alice.welcome->user_id.value(), "alice");
    EXPECT_FALSE(alice.welcome->session_id.empty());
    EXPECT_EQ(alice.welcome->head.epoch.value(), "memory");
    EXPECT_FALSE(alice.welcome->cursor_accepted);
    EXPECT_EQ(alice.welcome->limits.text_bytes, 65536u);
    EXPECT_GE(alice.welcome->limits.dedupe_horizon, alice.welcome->limits.retention);
    EXPECT_NEAR(static_cast<double>(alice.welcome->session_ends_at_ms),
                static_cast<double>(to_ms(server.wall.now()) + 3'600'000), 1000);
    EXPECT_NEAR(static_cast<double>(alice.welcome->server_time_ms),
                static_cast<double>(to_ms(server.wall.now())), 1000);
}

TEST_F(SessionTest, TellsItsEndByTheClockItTells) {  // R17, R22
    const auto left = [this] {
        return alice.welcome->session_ends_at_ms - alice.welcome->server_time_ms;
    };
    for (const Duration leap : {Duration(-12h), Duration(72h)}) {
        server.wall.jump(leap);
        server.open(alice);
        ASSERT_TRUE(alice.welcome);
        EXPECT_GE(std::abs(alice.welcome->server_time_ms - to_ms(server.wall.now())), 1000);
        EXPECT_NEAR(static_cast<double>(left()), 3'600'000, 1000);
        alice.send(wire::Refresh{server.token("alice", "", 600s)});
        server.run();
        ASSERT_TRUE(std::holds_alternative<wire::Refreshed>(alice.frames.back()));
        const auto& refreshed = std::get<wire::Refreshed>(alice.frames.back());
        EXPECT_NEAR(
            static_cast<double>(refreshed.session_ends_at_ms - alice.welcome->server_time_ms),
            600'000, 1000);
        alice.cut();
        alice.welcome.reset();
    }
}

TEST_F(SessionTest, RefusesEveryBadTokenWithOneError) {  // R22
    refused("");
    refused("a.b.c");
    refused(server.token("alice", "", -120s));
    refused(server.token("alice", "another-device"));
    protocol::TokenClaims claims;
    claims.application = ApplicationKey("00000000-0000-4000-8000-000000000009");
    claims.user = UserId("alice");
    claims.issued_at = server.wall.now();
    claims.expires_at = server.wall.now() + 1h;
    claims.nonce = "n";
    refused(protocol::sign_token(claims, kTestSecret).value());
    claims.application = kTestApplication;
    refused(protocol::sign_token(claims, "b3RoZXIgc2VjcmV0").value());
}

TEST_F(SessionTest, OpensForTheDeviceOfABoundToken) {  // R22
    server.dial(alice);
    wire::Hello hello = server.hello(alice);
    hello.token = server.token("alice", "a1");
    alice.send(hello);
    server.run();
    EXPECT_TRUE(alice.welcome);
}

TEST_F(SessionTest, EndsWhenItsTokenDoesUnlessItIsRefreshed) {  // R22
    server.dial(alice);
    wire::Hello hello = server.hello(alice);
    hello.token = server.token("alice", "", 600s);
    alice.send(hello);
    server.run();
    ASSERT_TRUE(alice.welcome);
    server.open(bob);
    const auto live_on = [&](Duration span) {
        for (Duration at{}; at < span; at += 20s) {
            server.run(20s);
            if (alice.wire->observer != nullptr) {
                alice.wire->observer->on_alive();
            }
            if (bob.wire->observer != nullptr) {
                bob.wire->observer->on_alive();
            }
        }
    };
    live_on(500s);
    alice.send(wire::Refresh{server.token("alice", "", 600s)});
    live_on(400s);
    EXPECT_FALSE(alice.goodbye);
    EXPECT_TRUE(std::holds_alternative<wire::Refreshed>(alice.frames.back()));
    live_on(300s);
    expect_goodbye(alice, ErrorCode::not_authenticated, io::close_code::kPolicyViolation);
    EXPECT_FALSE(bob.goodbye);
}

TEST_F(SessionTest, RefusesTheTokenOfAnotherUser) {  // R23
    server.open(alice);
    alice.send(wire::Refresh{server.token("bob")});
    server.run();
    expect_goodbye(alice, ErrorCode::not_authenticated, io::close_code::kPolicyViolation);
}

TEST_F(SessionTest, EndsWithoutAHello) {
    server.dial(alice);
    server.run(9s);
    EXPECT_FALSE(alice.wire->dropped);
    server.run(2s);
    EXPECT_TRUE(alice.wire->dropped);
    server.dial(bob);
    bob.send(wire::Ack{Sequence(1)});
    server.run();
    expect_goodbye(bob, ErrorCode::protocol_violation, io::close_code::kPolicyViolation);
}

TEST_F(SessionTest, GivesWayToANewerSessionOfItsDevice) {  // R24
    server.open(alice);
    TestDevice again(*server.loops.front(), "alice", "a1");
    server.open(again);
    expect_goodbye(alice, ErrorCode::replaced, io::close_code::kPolicyViolation);
    EXPECT_TRUE(again.welcome);
    server.open(bob);
    server.submit(bob, make_submit("m1", {"alice"}));
    EXPECT_EQ(again.heard(), "hello");
    EXPECT_EQ(server.metric(Metric::sessions_proto), 2);
    EXPECT_EQ(server.metric(Metric::connections), 2);
}

TEST_F(SessionTest, GivesWayWhileItIsStillBeingOpened) {  // R24
    TestDevice again(*server.loops.front(), "alice", "a1");
    server.dial(alice);
    server.dial(again);
    alice.send(server.hello(alice));
    again.send(server.hello(again));
    server.run();
    expect_goodbye(alice, ErrorCode::replaced, io::close_code::kPolicyViolation);
    EXPECT_FALSE(alice.welcome);
    EXPECT_TRUE(again.welcome);
    server.run();
    EXPECT_FALSE(again.goodbye);
}

TEST_F(SessionTest, IsRefusedBeyondTheNumberForItsUser) {
    server.options.server.sessions = 2;
    server.restart();
    TestDevice second(*server.loops.front(), "alice", "a2");
    TestDevice third(*server.loops.front(), "alice", "a3");
    server.open(alice);
    server.open(second);
    server.open(third);
    expect_goodbye(third, ErrorCode::too_many_sessions, io::close_code::kPolicyViolation);
    second.cut();
    server.run();
    server.open(third);
    EXPECT_TRUE(third.welcome);
}

TEST_F(SessionTest, IsRefusedBeyondTheNumberOfConnections) {
    server.options.connections_per_loop = 1;
    server.restart();
    server.open(alice);
    server.open(bob);
    expect_goodbye(bob, ErrorCode::too_many_connections, io::close_code::kTryAgainLater);
    EXPECT_TRUE(alice.welcome);
    EXPECT_FALSE(alice.goodbye);
}

TEST_F(SessionTest, IsRefusedWhileTooManyOthersHaveNotSaidHello) {
    server.options.server.unauthenticated = 1;
    server.restart();
    server.dial(alice);
    server.run(2900ms);
    server.open(bob);
    expect_goodbye(bob, ErrorCode::too_many_connections, io::close_code::kTryAgainLater);
    EXPECT_FALSE(alice.goodbye);
    server.run(200ms);
    server.open(bob);
    EXPECT_TRUE(bob.welcome) << "the one that said nothing for three seconds gave way";
    expect_goodbye(alice, ErrorCode::timed_out, io::close_code::kPolicyViolation);
}

TEST_F(SessionTest, IsNoStrangerOnceItsTokenIsAccepted) {
    server.options.server.unauthenticated = 1;
    server.restart();
    server.open(alice);
    server.open(bob);
    EXPECT_TRUE(alice.welcome);
    EXPECT_TRUE(bob.welcome);
    EXPECT_TRUE(bob.wire->authenticated);
    TestDevice wrong{*server.loops.front(), "carol", "c1"};
    server.dial(wrong);
    wire::Hello hello = server.hello(wrong);
    hello.token = "x";
    wrong.send(hello);
    server.run();
    expect_goodbye(wrong, ErrorCode::not_authenticated, io::close_code::kPolicyViolation);
    EXPECT_FALSE(wrong.wire->authenticated);
    TestDevice dave{*server.loops.front(), "dave", "d1"};
    server.open(dave);
    EXPECT_TRUE(dave.welcome) << "who was refused holds no place";
}

TEST_F(SessionTest, IsEnrolledBeforeItIsWelcomed) {  // R13
    server.store.full = true;
    server.open(alice);
    EXPECT_FALSE(alice.welcome);
    expect_goodbye(alice, ErrorCode::server_error, io::close_code::kTryAgainLater);
    EXPECT_TRUE(alice.goodbye->error.retryable);
    // The store's own words are for the log.
    EXPECT_EQ(alice.goodbye->error.description,
              "the server cannot store anything now; try again later");
    server.store.full = false;
    server.open(alice);
    ASSERT_TRUE(alice.welcome);
    server.restart();
    server.open(bob);
    server.submit(bob, make_submit("m1", {"alice"}));
    EXPECT_FALSE(bob.results.at(0).recipients.at(0).error);
}

TEST_F(SessionTest, IsRefusedForADisabledUser) {
    server.open(alice);
    server.open(bob);
    server.door->set_disabled({kTestApplication, UserId("bob")}, true, [](auto) {});
    server.run();
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(alice.results.at(0).recipients.at(0).error->code, ErrorCode::refused_by_policy);
    TestDevice again(*server.loops.front(), "bob", "b2");
    server.open(again);
    expect_goodbye(again, ErrorCode::refused_by_policy, io::close_code::kPolicyViolation);
}

TEST_F(SessionTest, EndsForWhatCannotBeUnderstood) {
    server.open(alice);
    alice.send_bytes("\xff\xff\xff");
    server.run();
    expect_goodbye(alice, ErrorCode::protocol_violation, io::close_code::kPolicyViolation);
    server.open(bob);
    bob.send(wire::Ack{Sequence(12345)});  // beyond what was sent
    server.run();
    expect_goodbye(bob, ErrorCode::protocol_violation, io::close_code::kPolicyViolation);
}

TEST_F(SessionTest, EndsWhenNothingIsHeardForTwoIntervals) {
    server.open(alice);
    server.run(35s);
    EXPECT_EQ(alice.wire->pings, 1u);
    alice.wire->observer->on_alive();
    server.run(35s);
    EXPECT_FALSE(alice.wire->dropped);
    server.run(60s);
    EXPECT_TRUE(alice.wire->dropped);
    EXPECT_EQ(server.metric(Metric::sessions_proto), 0);
}

TEST_F(SessionTest, IsDroppedIfThePeerDoesNotReadItsGoodbye) {
    server.open(alice);
    alice.wire->room = false;
    alice.send_bytes("\xff");
    server.run(4s);
    EXPECT_FALSE(alice.wire->dropped);
    server.run(2s);
    EXPECT_TRUE(alice.wire->dropped);
    EXPECT_EQ(server.metric(Metric::connections), 0);
}

TEST_F(SessionTest, IsReadMoreSlowlyOverItsRate) {
    server.options.server.rate_per_second = 10;
    server.options.server.rate_burst = 1000;
    server.restart();
    TestDevice tablet(*server.loops.front(), "alice", "a2");
    server.open(alice);
    server.open(tablet);
    server.open(bob);
    for (int i = 0; i < 1020; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(1s);
    EXPECT_LT(alice.results.size(), 1020u);
    EXPECT_GE(alice.results.size(), 1000u);
    EXPECT_TRUE(alice.wire->paused);
    EXPECT_FALSE(alice.goodbye);
    server.run(1100ms);
    EXPECT_EQ(alice.results.size(), 1020u);
    // The rate is the user's: another session of theirs has no bucket of its own.
    for (int i = 0; i < 20; ++i) {
        tablet.send(make_submit("t" + std::to_string(i), {"bob"}));
    }
    server.run(500ms);
    EXPECT_LT(tablet.results.size(), 20u);
    // Nor has a new one.
    alice.cut();
    tablet.cut();
    server.run(100ms);
    server.open(alice);
    for (int i = 0; i < 20; ++i) {
        alice.send(make_submit("n" + std::to_string(i), {"bob"}));
    }
    server.run(500ms);
    EXPECT_LT(alice.results.size(), 20u);
}

TEST_F(SessionTest, IsSentAwayWhenTheServerDrains) {
    server.open(alice);
    server.open(bob);
    server.dial(alice);  // one that has said nothing yet
    TestDevice carol(*server.loops.front(), "carol", "c1");
    server.open(carol);
    carol.send(make_submit("m1", {"bob"}));
    server.run(0us);
    bool drained = false;
    server.node->drain([&] { drained = true; });
    server.run(300ms);
    ASSERT_EQ(carol.results.size(), 1u);
    EXPECT_FALSE(carol.results[0].recipients[0].error);
    for (const TestDevice* device : {&alice, &bob, &carol}) {
        expect_goodbye(*device, ErrorCode::draining, io::close_code::kGoingAway);
        EXPECT_TRUE(device->goodbye->error.retryable);
        EXPECT_LT(device->goodbye->reconnect_after_ms, 5000);
    }
    EXPECT_TRUE(drained);
    TestDevice late(*server.loops.front(), "late", "l1");
    server.dial(late);
    server.run();
    expect_goodbye(late, ErrorCode::draining, io::close_code::kGoingAway);
}

TEST_F(SessionTest, DrainsInTimeAlsoWhenAPeerIsStuck) {
    server.open(alice);
    alice.wire->room = false;
    alice.wire->answers_close = false;
    bool drained = false;
    server.node->drain([&] { drained = true; });
    server.run(9s);
    EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace parley::server
