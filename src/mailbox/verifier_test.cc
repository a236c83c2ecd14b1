#include "mailbox/verifier.h"

#include "mailbox/records.h"
#include "mailbox/testing/memory_world.h"

#include <gmock/gmock.h>

namespace parley::mailbox {
namespace {

using testing::HasSubstr;

class VerifierTest : public testing::Test {
  protected:
    VerifierTest() {
        call_.enroll("alice", "phone"), call_.enroll("bob", "phone");
        for (int i = 0; i < 5; ++i) {
            events_.push_back(
                call_.append(incoming("bob", std::to_string(i), "in", shared(large(i)))));
        }
        call_.append(sent("alice", "0"));
        hooks_.finding = [this](const std::string& where, const std::string& what) {
            findings_.push_back(where + ": " + what);
        };
        hooks_.progress = [](const VerifyCounts&) {};
        hooks_.check_event = [](const StoredEvent&) { return Result<void>(); };
    }
    // Not in the event itself.
    static std::string large(int i) { return std::string(2000, static_cast<char>('a' + i)); }
    Bytes key_of(std::size_t i) const {
        return event_key(mailbox_key(mailbox_of("bob")), events_[i].sequence.value());
    }
    void commit(Commit commit) {
        bool written = false;
        world_.table().commit(std::move(commit), [&](const Result<void>&) { written = true; });
        ASSERT_TRUE(world_.run_until([&] { return written; }));
    }
    VerifyCounts run() {
        findings_.clear();
        const VerifyCounts counts = verify(world_.table(), hooks_);
        EXPECT_EQ(counts.findings, findings_.size());
        return counts;
    }
    void expect_one_finding(const std::string& where, const std::string& what) {
        run();
        ASSERT_EQ(findings_.size(), 1u) << testing::PrintToString(findings_);
        EXPECT_THAT(findings_[0], HasSubstr(where));
        EXPECT_THAT(findings_[0], HasSubstr(what));
    }

    MemoryWorld world_;
    Caller call_{world_};
    std::vector<Appended> events_;
    VerifyHooks hooks_;
    std::vector<std::string> findings_;
};

TEST_F(VerifierTest, CountsWhatIsThereAndFindsNothing) {
    const VerifyCounts counts = run();
    EXPECT_TRUE(findings_.empty()) << testing::PrintToString(findings_);
    EXPECT_EQ(counts.users, 2u);
    EXPECT_EQ(counts.devices, 2u);
    EXPECT_EQ(counts.events, 6u);
    EXPECT_EQ(counts.keys, 6u);
    EXPECT_GE(counts.bytes, 5u * 2000);
}

TEST_F(VerifierTest, FindsAnEventThatIsMissing) {
    commit({{}, {{Space::events, key_of(2)}}, {}});
    run();
    ASSERT_EQ(findings_.size(), 1u);
    EXPECT_THAT(findings_[0],
                HasSubstr("user bob, mailbox " + name_of(mailbox_key(mailbox_of("bob")))));
    EXPECT_THAT(findings_[0], HasSubstr("event " + std::to_string(events_[2].sequence.value())));
    EXPECT_THAT(findings_[0], HasSubstr("missing"));
}

// A day so long ago that its bodies are gone excuses only events that are gone as well (R20).
TEST_F(VerifierTest, FindsAnEventWhoseBodyIsSaidToHaveExpiredBeforeIt) {
    const Bytes value = world_.table().get(Space::events, key_of(2)).value().value();
    EventRecord record = decode_event(value).value();
    record.reference->day = 1;
    commit({{{Space::events, key_of(2), encode(record), record.at}}, {}, {}});
    expect_one_finding(std::to_string(events_[2].sequence.value()), "its body is missing");
}

TEST_F(VerifierTest, FindsAClockByWhichMoreHasExpiredThanTimeHasPassed) {
    ClockRecord clock =
        decode_clock(world_.table().get(Space::state, clock_key()).value().value()).value();
    clock.expired = clock.time + std::chrono::milliseconds(1);
    commit({{{Space::state, clock_key(), encode(clock), {}}},
            {{Space::bodies, body_key(day_of(events_[1].at), sha256(large(1)))}},
            {}});
    run();
    ASSERT_EQ(findings_.size(), 2u) << testing::PrintToString(findings_);
    EXPECT_THAT(findings_[0], HasSubstr("the clock: "));
    EXPECT_THAT(findings_[1], HasSubstr("its body is missing"));  // it excuses nothing
}

TEST_F(VerifierTest, FindsAnAppendKeyThatIsMissing) {
    const Bytes key = append_key(mailbox_key(mailbox_of("bob")), incoming("bob", "2").key);
    commit({{}, {{Space::keys, key}}, {}});
    expect_one_finding("user bob", "5 events, and 4 append keys");
}

TEST_F(VerifierTest, FindsABodyThatIsMissingOrAnother) {
    const BodyReference body{day_of(events_[1].at), sha256(large(1))};
    commit({{}, {{Space::bodies, body_key(body.day, body.content)}}, {}});
    expect_one_finding("event " + std::to_string(events_[1].sequence.value()), "body is missing");
    commit({{{Space::bodies, body_key(body.day, body.content), large(2), {}}}, {}, {}});
    expect_one_finding("event " + std::to_string(events_[1].sequence.value()), "not the one");
}

TEST_F(VerifierTest, FindsRecordsThatDoNotDecode) {
    commit({{{Space::events, key_of(3), "nonsense", {}}}, {}, {}});
    EXPECT_GE(run().findings, 1u);
    EXPECT_THAT(findings_[0], HasSubstr("event " + std::to_string(events_[3].sequence.value())));
    commit({{{Space::state, user_key(mailbox_of("alice")), "nonsense", {}}}, {}, {}});
    run();
    EXPECT_THAT(testing::PrintToString(findings_), HasSubstr("user alice"));
}

TEST_F(VerifierTest, FindsEventsThatAreNobodys) {
    commit({{}, {{Space::state, user_key(mailbox_of("alice"))}}, {}});
    run();
    EXPECT_THAT(testing::PrintToString(findings_), HasSubstr("of 2 mailboxes, 1 belong to a user"));
}

// A record that was put back, say.
TEST_F(VerifierTest, FindsARecordThatSaysLessThanWasGivenOut) {
    UserRecord record;
    record.exists = record.messaging = true;
    record.ceiling = 1;
    commit({{{Space::state, user_key(mailbox_of("bob")), encode(record), {}}}, {}, {}});
    expect_one_finding("user bob", "ceiling 1");
}

TEST_F(VerifierTest, GoesOnBehindAMailboxThatCannotBeRead) {
    world_.table().damage(Space::events, key_of(0));
    const VerifyCounts counts = run();
    EXPECT_EQ(counts.users, 2u);
    EXPECT_THAT(testing::PrintToString(findings_), HasSubstr("user bob"));
    EXPECT_THAT(testing::PrintToString(findings_), Not(HasSubstr("user alice")));
}

TEST_F(VerifierTest, AsksWhetherTheBytesOfEachEventMeanSomething) {
    std::size_t asked = 0;
    hooks_.check_event = [&](const StoredEvent& event) -> Result<void> {
        if (++asked == 2) {
            return unexpected(make_error(ErrorCode::store_failed, "it means nothing"));
        }
        EXPECT_NE(event.bytes, nullptr);
        return {};
    };
    EXPECT_EQ(run().findings, 1u);
    EXPECT_EQ(asked, 6u);
}

}  // namespace
}  // namespace parley::mailbox
