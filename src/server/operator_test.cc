// What an operator sees of the sessions of a running node, and does to them.
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

#include <optional>

namespace parley::server {
namespace {

const ApplicationKey kOther{"6a1f0b9e-0000-4000-8000-000000000002"};
const std::string kNewSecret = "bmV3IHNlY3JldCBuZXcgc2VjcmV0";

class OperatorTest : public testing::Test {
  protected:
    TestServer server{2};
    TestDevice alice{*server.loops[0], "alice", "a1"};
    TestDevice tablet{*server.loops[1], "alice", "a2"};
    TestDevice bob{*server.loops[1], "bob", "b1"};

    void open_all() {
        server.open(alice, 0);
        server.open(tablet, 1);
        server.open(bob, 1);
    }
    SessionList list(SessionFilter filter, std::size_t most = 100) {
        std::optional<SessionList> heard;
        server.node->list_sessions(std::move(filter), most,
                                   [&](SessionList list) { heard = std::move(list); });
        EXPECT_FALSE(heard);
        server.run();
        return heard.value();
    }
    std::size_t end(SessionFilter filter) {
        std::optional<std::size_t> ended;
        server.node->end_sessions(std::move(filter), make_error(ErrorCode::draining, "an operator"),
                                  [&](std::size_t count) { ended = count; });
        EXPECT_FALSE(ended);
        server.run();
        return ended.value();
    }
    void set_applications(std::vector<Application> applications) {
        bool done = false;
        server.node->set_applications(std::move(applications), [&] { done = true; });
        server.run();
        EXPECT_TRUE(done);
    }
    // Whether a new session opens with a token that this secret signed.
    bool opens(const ApplicationKey& application, const std::string& secret) {
        protocol::TokenClaims claims;
        claims.application = application;
        claims.user = UserId("carol");
        claims.issued_at = server.wall.now();
        claims.expires_at = server.wall.now() + 1h;
        claims.nonce = "n";
        for (std::size_t loop = 0; loop < 2; ++loop) {
            TestDevice carol{*server.loops[loop], "carol", "c1"};
            server.dial(carol, loop);
            wire::Hello hello = server.hello(carol);
            hello.token = protocol::sign_token(claims, secret).value();
            carol.send(hello);
            server.run();
            const bool opened = carol.welcome.has_value();
            carol.cut();
            server.run();
            server.devices.pop_back();
            if (!opened) {
                return false;
            }
        }
        return true;
    }
};

TEST_F(OperatorTest, SeesTheSessionsOfAllLoopsSorted) {
    bob.json = true;
    open_all();
    const SessionList all = list({kTestApplication});
    EXPECT_EQ(all.total, 3u);
    ASSERT_EQ(all.sessions.size(), 3u);
    EXPECT_EQ(all.sessions[0].device.value(), "a1");
    EXPECT_EQ(all.sessions[1].device.value(), "a2");
    EXPECT_EQ(all.sessions[2].user.value(), "bob");
    EXPECT_EQ(all.sessions[2].subprotocol, wire::kJsonSubprotocol);
    EXPECT_TRUE(all.sessions[2].messaging);
    EXPECT_FALSE(all.sessions[2].address.empty());
    EXPECT_EQ(all.sessions[2].ends_at, wall_time_from_ms(bob.welcome->session_ends_at_ms));
    EXPECT_GT(all.sessions[2].since, server.wall.now() - 10s);
    server.run(2s);
    bob.send(wire::Refresh{server.token("bob", "", 7200s)});
    server.run();
    const auto& refreshed = std::get<wire::Refreshed>(bob.frames.back());
    EXPECT_EQ(list({kTestApplication}).sessions[2].ends_at,
              wall_time_from_ms(refreshed.session_ends_at_ms));

    EXPECT_EQ(list({kTestApplication}, 1).sessions.size(), 1u);
    EXPECT_EQ(list({kTestApplication}, 1).total, 3u);
    EXPECT_EQ(list({kTestApplication, UserId("alice")}).total, 2u);
    EXPECT_EQ(list({kTestApplication, UserId("alice"), DeviceId("a2")}).total, 1u);
    EXPECT_EQ(list({kTestApplication, UserId("nobody")}).total, 0u);
    EXPECT_EQ(list({kOther}).total, 0u);  // R23
}

TEST_F(OperatorTest, SeesWhatADeviceHasNotAcknowledged) {  // R20
    open_all();
    bob.acknowledges = false;
    server.submit(alice, make_submit("m1", {"bob"}, "0123456789"));
    const SessionReport report = list({kTestApplication, UserId("bob")}).sessions.at(0);
    EXPECT_EQ(report.unacknowledged_events, 1u);
    EXPECT_GT(report.unacknowledged_bytes, 10u);
    EXPECT_FALSE(report.held_by_rate);
}

TEST_F(OperatorTest, SeesWhoSendsTooFast) {
    server.options.server.rate_per_second = 1;
    server.options.server.rate_burst = 1;
    server.restart();
    open_all();
    server.submit(alice, make_submit("m1", {"bob"}));
    server.submit(alice, make_submit("m2", {"bob"}));
    EXPECT_TRUE(list({kTestApplication, UserId("alice"), DeviceId("a1")}).sessions[0].held_by_rate);
}

TEST_F(OperatorTest, EndsTheSessionsThatFitAndNoOthers) {
    open_all();
    EXPECT_EQ(end({kOther}), 0u);
    EXPECT_EQ(end({kTestApplication, UserId("alice"), DeviceId("a2")}), 1u);
    ASSERT_TRUE(tablet.goodbye);
    EXPECT_EQ(tablet.goodbye->error.code, ErrorCode::draining);
    EXPECT_TRUE(tablet.goodbye->error.retryable);
    EXPECT_FALSE(alice.goodbye);
    EXPECT_EQ(end({kTestApplication, UserId("alice")}), 1u);
    EXPECT_TRUE(alice.goodbye);
    EXPECT_FALSE(bob.goodbye);
    EXPECT_EQ(list({kTestApplication}).total, 1u);
    // It may come back at once.
    server.open(alice, 0);
    EXPECT_TRUE(alice.welcome);
}

// What a session that is ended had asked for comes to the store first: an erase that follows leaves
// nothing behind.
TEST_F(OperatorTest, AnEraseAfterTheEndFindsWhatTheSessionMade) {
    for (std::size_t loop = 0; loop < 2; ++loop) {
        const std::string user = "user" + std::to_string(loop);
        const MailboxId mailbox{kTestApplication, UserId(user)};
        for (int turns = 0; turns < 12; ++turns) {
            TestDevice device{*server.loops[loop], user, "d1"};
            server.dial(device, loop);
            device.send(server.hello(device));
            for (int turn = 0; turn < turns; ++turn) {
                server.turn();
            }
            bool erased = false;
            server.node->end_sessions({kTestApplication, UserId(user)},
                                      make_error(ErrorCode::not_authenticated, "removed"),
                                      [&](std::size_t ended) {
                                          if (ended == 0) {
                                              erased = true;
                                              return;
                                          }
                                          server.door->erase(mailbox, [&](auto) { erased = true; });
                                      });
            server.run();
            ASSERT_TRUE(erased);
            if (device.goodbye) {
                std::optional<mailbox::UserState> state;
                server.door->user(mailbox, [&](auto user_state) { state = user_state.value(); });
                server.run();
                EXPECT_FALSE(state.value().exists) << turns;
            }
            device.cut();
            server.run();
            server.devices.clear();
        }
    }
}

TEST_F(OperatorTest, RotatesASecretWithoutEndingSessions) {  // R22
    open_all();
    EXPECT_TRUE(opens(kTestApplication, kTestSecret));
    EXPECT_FALSE(opens(kTestApplication, kNewSecret));
    set_applications({{kTestApplication, {kNewSecret, kTestSecret}}});
    EXPECT_TRUE(opens(kTestApplication, kTestSecret));
    EXPECT_TRUE(opens(kTestApplication, kNewSecret));
    set_applications({{kTestApplication, {kNewSecret}}});
    EXPECT_FALSE(opens(kTestApplication, kTestSecret));
    EXPECT_TRUE(opens(kTestApplication, kNewSecret));
    EXPECT_FALSE(alice.goodbye || tablet.goodbye || bob.goodbye);
    // Its next token has to be signed with a secret that counts.
    alice.send(wire::Refresh{server.token("alice")});
    server.run();
    ASSERT_TRUE(alice.goodbye);
    EXPECT_EQ(alice.goodbye->error.code, ErrorCode::not_authenticated);
}

TEST_F(OperatorTest, RemovesAnApplicationWithItsSessions) {
    set_applications({{kTestApplication, {kTestSecret}}, {kOther, {kNewSecret}}});
    open_all();
    EXPECT_TRUE(opens(kOther, kNewSecret));
    EXPECT_FALSE(opens(kOther, kTestSecret));  // R23
    set_applications({{kOther, {kNewSecret}}});
    for (const TestDevice* device : {&alice, &tablet, &bob}) {
        ASSERT_TRUE(device->goodbye);
        EXPECT_EQ(device->goodbye->error.code, ErrorCode::not_authenticated);
    }
    EXPECT_FALSE(opens(kTestApplication, kTestSecret));
    EXPECT_TRUE(opens(kOther, kNewSecret));
    EXPECT_EQ(list({kTestApplication}).total, 0u);
}

}  // namespace
}  // namespace parley::server
