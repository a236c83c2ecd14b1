#include "mailbox/records.h"
#include "server/readiness.h"
#include "server/testing/test_server.h"

#include <gtest/gtest.h>

namespace parley::server {
namespace {

// Alice and Bob, each with one device, on a fresh server.
class NodeTest : public testing::Test {
  protected:
    TestServer server;
    TestDevice alice{*server.loops.front(), "alice", "a1"};
    TestDevice bob{*server.loops.front(), "bob", "b1"};

    ErrorCode goodbye_of(const TestDevice& device) {
        return device.goodbye ? device.goodbye->error.code : ErrorCode{};
    }
    ErrorCode error_of(const wire::SubmitResult& result, std::size_t recipient) {
        const auto& error = result.recipients.at(recipient).error;
        return error ? error->code : ErrorCode{};
    }
};

TEST_F(NodeTest, CarriesAMessageAndItsReceipt) {  // R1, R2, R3
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "hi bob"));

    ASSERT_EQ(alice.results.size(), 1u);
    const wire::SubmitResult& result = alice.results[0];
    EXPECT_EQ(result.message_id.value(), "m1");
    ASSERT_EQ(result.recipients.size(), 1u);
    EXPECT_FALSE(result.recipients[0].error);
    EXPECT_FALSE(result.recipients[0].duplicate);
    EXPECT_GT(result.accepted_at_ms, 0);
    EXPECT_EQ(result.accepted_at_ms, result.recipients[0].accepted_at_ms);

    const auto incoming = bob.all<wire::Incoming>();
    ASSERT_EQ(incoming.size(), 1u);
    EXPECT_EQ(incoming[0].message.text, "hi bob");
    EXPECT_EQ(incoming[0].message.sender_id.value(), "alice");
    EXPECT_EQ(incoming[0].message.key.value(), "m1");
    EXPECT_EQ(incoming[0].message.accepted_at_ms, result.accepted_at_ms);

    const auto sent = alice.all<wire::Sent>();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].message.text, "hi bob");
    EXPECT_EQ(sent[0].origin_device_id.value(), "a1");
    EXPECT_EQ(sent[0].recipient_accepted_at_ms, std::vector{result.accepted_at_ms});
    const auto delivered = alice.all<wire::Delivered>();
    ASSERT_EQ(delivered.size(), 1u);
    EXPECT_EQ(delivered[0].message_id.value(), "m1");
    EXPECT_EQ(delivered[0].recipient_id.value(), "bob");
    EXPECT_EQ(delivered[0].accepted_at_ms, result.accepted_at_ms);
}

TEST_F(NodeTest, DeliversLiveEventsWithoutReadingTheStore) {
    server.open(alice);
    server.open(bob);
    const std::size_t reads = server.store.read_calls;
    for (int i = 0; i < 20; ++i) {
        server.submit(alice, make_submit("m" + std::to_string(i), {"bob"}));
    }
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 20u);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 20u);
    EXPECT_EQ(server.store.read_calls, reads);
}

TEST_F(NodeTest, DeliversWhatComesDuringAReadingThatSawNothing) {  // R7
    server.open(bob);
    bob.cut();
    server.open(alice);
    server.submit(alice, make_submit("m1", {"bob"}, "one"));
    bob.cursor.reset();
    server.store.hold_reads = true;
    server.store.lagging_read = true;
    server.open(bob);
    ASSERT_EQ(server.store.held_reads.size(), 1u);
    server.submit(alice, make_submit("m2", {"bob"}, "two"));
    server.store.hold_reads = false;
    while (!server.store.held_reads.empty()) {
        server.store.held_reads.front()();
        server.store.held_reads.pop_front();
    }
    server.run();
    EXPECT_EQ(bob.heard(), "one two");
}

TEST_F(NodeTest, SpeaksJsonToThoseWhoAskForIt) {
    alice.json = true;
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "gr\xc3\xbc\xc3\x9f dich"));
    ASSERT_EQ(bob.all<wire::Incoming>().size(), 1u);
    EXPECT_EQ(bob.all<wire::Incoming>()[0].message.text, "gr\xc3\xbc\xc3\x9f dich");
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 1u);
}

TEST_F(NodeTest, AnswersEachRecipientForItself) {  // R4, R13
    TestDevice quiet(*server.loops.front(), "quiet", "q1");
    server.open(alice);
    server.open(bob);
    server.open(quiet, 0, false);
    server.submit(alice, make_submit("m1", {"nobody", "bob", "quiet", "bob"}));
    ASSERT_EQ(alice.results.size(), 1u);
    ASSERT_EQ(alice.results[0].recipients.size(), 3u);  // the repeated one is collapsed
    EXPECT_EQ(error_of(alice.results[0], 0), ErrorCode::recipient_unknown);
    EXPECT_EQ(error_of(alice.results[0], 1), ErrorCode{});
    EXPECT_EQ(error_of(alice.results[0], 2), ErrorCode::no_messaging);
    ASSERT_EQ(alice.all<wire::Sent>().size(), 1u);
    EXPECT_EQ(alice.all<wire::Sent>()[0].recipient_ids, std::vector{UserId("bob")});
    // A receiver sees who else got it.
    EXPECT_EQ(bob.all<wire::Incoming>()[0].message.recipient_ids.size(), 3u);
}

TEST_F(NodeTest, SaysNothingWasSentWhereNobodyAccepted) {
    server.open(alice);
    server.submit(alice, make_submit("m1", {"nobody"}));
    ASSERT_EQ(alice.results.size(), 1u);
    EXPECT_EQ(alice.results[0].accepted_at_ms, 0);
    EXPECT_TRUE(alice.events.empty());
}

TEST_F(NodeTest, KeepsMessagesForThoseWhoAreAway) {  // R7
    server.open(bob);
    bob.cut();
    server.open(alice);
    for (int i = 0; i < 600; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(2s);
    EXPECT_EQ(alice.results.size(), 600u);
    server.restart();
    server.open(bob);
    server.run(2s);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 600u);
    EXPECT_EQ(bob.all<wire::Incoming>()[599].message.message_id.value(), "m599");
    server.open(alice);
    server.run(2s);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 600u);
}

TEST_F(NodeTest, TellsAllDevicesOfTheSender) {  // R2, R3, R6
    TestDevice tablet(*server.loops.front(), "alice", "a2");
    server.open(alice);
    server.open(tablet);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    EXPECT_EQ(tablet.all<wire::Sent>().size(), 1u);
    EXPECT_EQ(tablet.all<wire::Delivered>().size(), 1u);
    EXPECT_EQ(tablet.events, alice.events);
}

TEST_F(NodeTest, SendsOneReceiptForSeveralDevices) {  // R3, R21
    TestDevice tablet(*server.loops.front(), "bob", "b2");
    server.open(alice);
    server.open(bob);
    server.open(tablet);
    for (int i = 0; i < 30; ++i) {
        server.submit(alice, make_submit("m" + std::to_string(i), {"bob"}));
    }
    EXPECT_EQ(tablet.all<wire::Incoming>().size(), 30u);
    EXPECT_EQ(alice.all<wire::Delivered>().size(), 30u);
    EXPECT_EQ(server.metric(Metric::receipts_appended), 30);
}

TEST_F(NodeTest, GivesANewDeviceTheWholeHistory) {  // R18
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "one"));
    server.submit(bob, make_submit("m2", {"alice"}, "two"));
    TestDevice fresh(*server.loops.front(), "bob", "b2");
    server.open(fresh);
    EXPECT_FALSE(fresh.welcome->cursor_accepted);
    EXPECT_EQ(fresh.events, bob.events);
    EXPECT_EQ(fresh.heard(), "one");
    EXPECT_EQ(fresh.all<wire::Sent>().size(), 1u);
    EXPECT_EQ(fresh.through, fresh.welcome->head.sequence);
}

TEST_F(NodeTest, GoesOnFromACursor) {
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "one"));
    bob.cut();
    server.submit(alice, make_submit("m2", {"bob"}, "two"));
    server.open(bob);
    EXPECT_TRUE(bob.welcome->cursor_accepted);
    EXPECT_EQ(bob.heard(), "two");
}

TEST_F(NodeTest, StartsOverForACursorThatIsVoid) {  // R19
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "one"));
    const Cursor good = bob.cursor.value();
    for (const Cursor& cursor : {Cursor{Epoch("another"), good.sequence},
                                 Cursor{good.epoch, Sequence(good.sequence.value() + 1)}}) {
        bob.cursor = cursor;
        server.open(bob);
        EXPECT_FALSE(bob.welcome->cursor_accepted);
        EXPECT_EQ(bob.heard(), "one");
    }
}

TEST_F(NodeTest, EndsASessionWhoseMailboxWasReset) {  // R19
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    bob.acknowledges = false;
    server.door->erase({kTestApplication, UserId("bob")}, [](auto) {});
    server.run();
    TestDevice other(*server.loops.front(), "bob", "b2");
    server.open(other);
    server.store.read_calls = 0;
    server.submit(alice, make_submit("m2", {"bob"}));
    EXPECT_EQ(other.all<wire::Incoming>().size(), 1u);
    // The old session reads, or is woken at the place where it stands; it never shows what was
    // erased.
    if (bob.goodbye) {
        EXPECT_EQ(goodbye_of(bob), ErrorCode::mailbox_reset);
    }
    server.open(bob);
    EXPECT_FALSE(bob.welcome->cursor_accepted);
}

TEST_F(NodeTest, LetsAUserWriteToThemselves) {  // R16
    TestDevice tablet(*server.loops.front(), "alice", "a2");
    server.open(alice);
    server.open(tablet);
    server.submit(alice, make_submit("m1", {"alice"}, "note"));
    for (const TestDevice* device : {&alice, &tablet}) {
        EXPECT_EQ(device->heard(), "note");
        EXPECT_EQ(device->all<wire::Sent>().size(), 1u);
        EXPECT_EQ(device->all<wire::Delivered>().size(), 1u);
    }
}

TEST_F(NodeTest, IgnoresWhoAMessageSaysItIsFrom) {  // R23
    server.open(alice);
    server.open(bob);
    wire::Submit submit = make_submit("m1", {"bob"});
    submit.message.sender_id = UserId("carol");
    submit.message.accepted_at_ms = 17;
    server.submit(alice, submit);
    const auto incoming = bob.all<wire::Incoming>();
    ASSERT_EQ(incoming.size(), 1u);
    EXPECT_EQ(incoming[0].message.sender_id.value(), "alice");
    EXPECT_GT(incoming[0].message.accepted_at_ms, 17);
}

TEST_F(NodeTest, DropsWhatItHasAcceptedBeforeAndSaysSo) {  // R8
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}, "first"));
    server.submit(alice, make_submit("m2", {"bob"}, "second", "m1"));
    ASSERT_EQ(alice.results.size(), 2u);
    EXPECT_TRUE(alice.results[1].recipients[0].duplicate);
    EXPECT_EQ(alice.results[1].recipients[0].accepted_at_ms, alice.results[0].accepted_at_ms);
    EXPECT_EQ(bob.heard(), "first");
    EXPECT_EQ(alice.all<wire::Sent>().size(), 1u);
}

TEST_F(NodeTest, AppendsOnlyForTheOpenRecipients) {
    TestDevice carol(*server.loops.front(), "carol", "c1");
    server.open(alice);
    server.open(bob);
    server.open(carol);
    wire::Submit submit = make_submit("m1", {"bob", "carol"});
    submit.open_recipient_ids = {UserId("carol")};
    server.submit(alice, submit);
    ASSERT_EQ(alice.results.at(0).recipients.size(), 1u);
    EXPECT_EQ(alice.results[0].recipients[0].recipient_id.value(), "carol");
    EXPECT_TRUE(bob.events.empty());
    EXPECT_EQ(carol.heard(), "hello");
    submit.open_recipient_ids = {UserId("bob")};
    server.submit(alice, submit);
    EXPECT_EQ(bob.heard(), "hello");
    EXPECT_EQ(alice.all<wire::Sent>().size(), 2u);
}

TEST_F(NodeTest, RefusesAMalformedMessageAndGoesOn) {
    server.open(alice);
    server.open(bob);
    wire::Submit foreign = make_submit("m3", {"bob"});
    foreign.open_recipient_ids = {UserId("carol")};
    for (const wire::Submit& submit :
         {make_submit("m 1", {"bob"}), make_submit("m2", {}), foreign, make_submit("m4", {"b o b"}),
          make_submit("m5", {"bob"}, std::string(65537, 'x')),
          make_submit("m6", {"bob"}, "x", "not a key")}) {
        alice.send(submit);
    }
    server.submit(alice, make_submit("m7", {"bob"}, "fine"));
    ASSERT_EQ(alice.results.size(), 7u);
    for (std::size_t i = 0; i < 6; ++i) {
        ASSERT_TRUE(alice.results[i].error) << i;
        EXPECT_EQ(alice.results[i].error->code, ErrorCode::invalid_argument);
        EXPECT_TRUE(alice.results[i].recipients.empty());
    }
    EXPECT_EQ(bob.heard(), "fine");
    EXPECT_FALSE(alice.goodbye);
}

TEST_F(NodeTest, GivesNoEventsWithoutMessaging) {  // R15
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    TestDevice plain(*server.loops.front(), "bob", "b2");
    server.open(plain, 0, false);
    ASSERT_TRUE(plain.welcome);
    server.submit(alice, make_submit("m2", {"bob"}));
    EXPECT_TRUE(plain.events.empty());
    plain.send(make_submit("m3", {"alice"}));
    server.run();
    EXPECT_EQ(goodbye_of(plain), ErrorCode::protocol_violation);
}

TEST_F(NodeTest, HoldsTheWindowOfADeviceThatDoesNotAcknowledge) {  // R20
    server.open(alice);
    bob.acknowledges = false;
    server.open(bob);
    constexpr std::size_t kMessages = 2000;  // more than wait in the session for the window
    for (std::size_t i = 0; i < kMessages; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(2s);
    ASSERT_EQ(bob.events.size(), 256u);
    bob.send(wire::Ack{bob.events[99].sequence});
    server.run();
    ASSERT_EQ(bob.events.size(), 356u);
    bob.acknowledges = true;
    bob.send(wire::Ack{bob.events.back().sequence});
    server.run(2s);
    const auto heard = bob.all<wire::Incoming>();
    ASSERT_EQ(heard.size(), kMessages);
    for (std::size_t i = 0; i < kMessages; ++i) {
        EXPECT_EQ(heard[i].message.message_id.value(), "m" + std::to_string(i));
    }
    EXPECT_GT(server.metric(Metric::reads), 0);
}

TEST_F(NodeTest, HoldsTheWindowInBytesToo) {  // R20
    server.options.limits.unacked_bytes = 100'000;
    server.restart();
    server.open(alice);
    bob.acknowledges = false;
    server.open(bob);
    for (int i = 0; i < 10; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}, std::string(40'000, 'x')));
    }
    server.run(2s);
    EXPECT_EQ(bob.events.size(), 2u);
    bob.acknowledges = true;
    bob.send(wire::Ack{bob.events.back().sequence});
    server.run(2s);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 10u);
}

TEST_F(NodeTest, WaitsForASlowReaderWithoutLosingAnything) {  // R20
    server.open(alice);
    server.open(bob);
    bob.wire->room = false;
    for (int i = 0; i < 50; ++i) {
        alice.send(make_submit("m" + std::to_string(i), {"bob"}));
    }
    server.run(1s);
    EXPECT_TRUE(bob.events.empty());
    bob.wire->room = true;
    bob.wire->observer->on_room();
    server.run(1s);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 50u);
}

TEST_F(NodeTest, EndsASessionWhoseMailboxCannotBeRead) {
    server.open(bob);
    bob.cut();
    server.open(alice);
    server.submit(alice, make_submit("m1", {"bob"}));
    server.store.away = true;
    server.open(bob);
    EXPECT_EQ(goodbye_of(bob), ErrorCode::server_error);
    EXPECT_TRUE(bob.goodbye->error.retryable);
    EXPECT_EQ(bob.wire->close_code, io::close_code::kTryAgainLater);
    server.store.away = false;
    server.open(bob);
    EXPECT_EQ(bob.heard(), "hello");
}

// R19: nothing is skipped, and the session is kept for all else.
TEST_F(NodeTest, StopsOnlyTheEventsOfAMailboxThatCannotBeReadAndGoesOnByItself) {
    server.open(alice);
    server.open(bob);
    server.submit(alice, make_submit("m1", {"bob"}));
    bob.cut();
    server.submit(alice, make_submit("m2", {"bob"}));
    server.submit(alice, make_submit("m3", {"bob"}));
    const mailbox::MailboxKey mailbox = mailbox::mailbox_key({kTestApplication, UserId("bob")});
    std::vector<mailbox::Entry> events;
    {
        mailbox::KeyRange range = mailbox::events_of(mailbox);
        events = server.table->scan(mailbox::Space::events, {range.from, range.to}).value();
    }
    ASSERT_EQ(events.size(), 3u);
    server.table->damage(mailbox::Space::events, events[1].key);
    server.open(bob);
    server.run(60s);
    EXPECT_FALSE(bob.goodbye);
    EXPECT_TRUE(bob.all<wire::Incoming>().empty());
    server.submit(bob, make_submit("m9", {"alice"}));
    EXPECT_EQ(alice.all<wire::Incoming>().size(), 1u);
    server.submit(alice, make_submit("m4", {"bob"}));
    EXPECT_TRUE(bob.all<wire::Incoming>().empty());
    server.table->repair();
    server.run(60s);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 3u);
}

TEST_F(NodeTest, StopsTheEventsAtOneThatIsMalformed) {
    server.open(alice);
    server.open(bob);
    bob.cut();
    server.submit(alice, make_submit("m1", {"bob"}));
    mailbox::Append malformed{{kTestApplication, UserId("bob")},
                              {1},
                              mailbox::Needs::user,
                              std::make_shared<const Bytes>("\xff\xff"),
                              nullptr};
    server.door->append({malformed}, [](const auto&) {});
    server.run();
    server.submit(alice, make_submit("m2", {"bob"}));
    server.open(bob);
    server.run(60s);
    EXPECT_FALSE(bob.goodbye);
    EXPECT_EQ(bob.all<wire::Incoming>().size(), 1u);
    server.submit(bob, make_submit("m9", {"alice"}));
    EXPECT_EQ(alice.all<wire::Incoming>().size(), 1u);
}

TEST_F(NodeTest, IsNotReadyWhileItDrainsOrTheStoreIsAway) {
    const auto status_of = [&](const std::string& path) {
        int status = 0;
        server.node->admin_requests(0).handle(
            {"GET", path, ""}, [&](const io::HttpResponse& r) { status = r.status; });
        server.run();
        return status;
    };
    EXPECT_EQ(status_of("/healthz"), 200);
    EXPECT_EQ(status_of("/readyz"), 200);
    EXPECT_EQ(status_of("/metrics"), 200);
    EXPECT_EQ(status_of("/nothing"), 404);
    server.store.away = true;
    server.run(Readiness::kFresh);
    EXPECT_EQ(status_of("/readyz"), 503);
    server.store.away = false;
    server.run(Readiness::kFresh);
    EXPECT_EQ(status_of("/readyz"), 200);
    // What cannot be read is told until it can be again.
    const Bytes user = mailbox::user_key({kTestApplication, UserId("bob")});
    server.table->damage(mailbox::Space::state, user);
    server.door->user({kTestApplication, UserId("bob")}, [](const auto&) {});
    EXPECT_EQ(status_of("/readyz"), 503);
    server.table->repair();
    server.run(120s);
    EXPECT_EQ(status_of("/readyz"), 200);
    bool drained = false;
    server.node->drain([&] { drained = true; });
    EXPECT_EQ(status_of("/readyz"), 503);
    EXPECT_TRUE(drained);
}

TEST_F(NodeTest, AnswersPlainHttpAsWritten) {
    io::HttpResponse response;
    const auto ask = [&](std::string method, std::string target) {
        server.node->public_requests(0).handle(
            {std::move(method), std::move(target), ""},
            [&](io::HttpResponse r) { response = std::move(r); });
    };
    ask("POST", "/healthz");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.allow, (std::vector<std::string>{"GET", "HEAD"}));
    EXPECT_NE(response.body.find("\"errorCode\": 405"), std::string::npos);
    ask("GET", "/metrics");  // only for the administration
    EXPECT_EQ(response.status, 404);
    ask("GET", "/healthz?verbose=1");
    EXPECT_EQ(response.status, 200);
}

}  // namespace
}  // namespace parley::server
