// LogStore itself, beyond the contract of every store: batches, refusals, bounds, ends.
#include "mailbox/log_store.h"

#include "mailbox/records.h"

#include "mailbox/testing/memory_world.h"

namespace parley::mailbox {
namespace {

using namespace std::chrono_literals;

class LogStoreTest : public testing::Test {
  protected:
    LogStoreTest() { call_.enroll("alice", "phone"), call_.enroll("bob", "phone"); }

    // Calls without waiting; the answers gather in answers_.
    void append(std::vector<Append> appends) {
        world_.door().append(std::move(appends), [this](std::vector<Appended> answers) {
            answers_.push_back(std::move(answers));
        });
    }
    void settle() { world_.advance(100ms); }

    MemoryWorld world_;
    Caller call_{world_};
    std::vector<std::vector<Appended>> answers_;
};

TEST_F(LogStoreTest, CommitsAllThatWaitsAsOneBatchAndGathersTheNextMeanwhile) {
    const std::size_t before = world_.table().commits();
    for (int i = 0; i < 100; ++i) {
        append({incoming("bob", "a" + std::to_string(i))});
    }
    ASSERT_TRUE(world_.run_until([&] { return world_.table().commit_under_way(); }));
    for (int i = 0; i < 100; ++i) {
        append({incoming("alice", "b" + std::to_string(i))});
    }
    ASSERT_TRUE(world_.run_until([&] { return answers_.size() == 200; }));
    EXPECT_EQ(world_.table().commits(), before + 2);
}

// R1
TEST_F(LogStoreTest, AnswersNothingBeforeTheCommitIsDurable) {
    append({incoming("bob", "k")});
    ASSERT_TRUE(world_.run_until([&] { return world_.table().commit_under_way(); }));
    EXPECT_TRUE(answers_.empty());
    EXPECT_TRUE(call_.contents("bob").empty());
    settle();
    ASSERT_EQ(answers_.size(), 1u);
    EXPECT_EQ(answers_[0][0].outcome, Outcome::stored);
}

TEST_F(LogStoreTest, AnswersBusyWhenTheCommitIsRefusedAndStoresNothing) {
    std::vector<Wake> wakes;
    const MailboxId bob = mailbox_of("bob");
    const auto watches = world_.door().wakes().watch(
        world_.loop(),
        [&](const Wake& one, std::span<const Wakes::Watcher>) { wakes.push_back(one); });
    watches->add(bob, 1);
    const Appended known = call_.append(incoming("bob", "known"));
    wakes.clear();
    world_.table().set_full(true);
    const auto answers = call_.append({incoming("bob", "k"), incoming("bob", "known"),
                                       incoming("nobody", "k"), incoming("bob", "k")});
    EXPECT_EQ(answers[0].outcome, Outcome::busy);
    EXPECT_EQ(answers[1].outcome, Outcome::duplicate);
    EXPECT_EQ(answers[1].sequence, known.sequence);
    EXPECT_EQ(answers[2].outcome, Outcome::no_user);
    EXPECT_EQ(answers[3].outcome, Outcome::busy);
    EXPECT_EQ(call_.head("bob").newest.sequence, known.sequence);
    EXPECT_FALSE(call_.mark("bob", known.sequence));
    EXPECT_FALSE(call_.set_disabled("bob", true));
    world_.table().set_full(false);
    EXPECT_TRUE(wakes.empty());
    EXPECT_EQ(call_.head("bob").mark, Sequence());
    const Appended stored = call_.append(incoming("bob", "k"));
    EXPECT_EQ(stored.outcome, Outcome::stored);
    EXPECT_EQ(stored.previous, known.sequence);
    EXPECT_FALSE(call_.user("bob").disabled);
}

TEST_F(LogStoreTest, MakesNoSentEventOfASubmissionThatWasRefused) {
    world_.table().set_full(true);
    const auto result = call_.submit({incoming("bob", "k")},
                                     [](auto) { return std::optional(sent("alice", "s")); });
    EXPECT_EQ(result.incoming[0].outcome, Outcome::busy);
    EXPECT_FALSE(result.sent.has_value());
    world_.table().set_full(false);
    EXPECT_TRUE(call_.contents("alice").empty());
    // Only the sent event is missing: it alone is busy.
    call_.append(incoming("bob", "k"));
    world_.table().set_full(true);
    const auto again = call_.submit({incoming("bob", "k")},
                                    [](auto) { return std::optional(sent("alice", "s")); });
    EXPECT_EQ(again.incoming[0].outcome, Outcome::duplicate);
    ASSERT_TRUE(again.sent.has_value());
    EXPECT_EQ(again.sent->outcome, Outcome::busy);
}

TEST_F(LogStoreTest, StoresNothingOfACallAfterTheBatchThatWasRefused) {
    std::vector<Append> appends;
    for (std::size_t i = 0; i < 2 * kStoreBatchAppends + 5; ++i) {
        appends.push_back(incoming("bob", std::to_string(i)));
    }
    world_.table().fail_commit(2, MemoryTable::Failure::refused);
    const auto answers = call_.append(std::move(appends));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        ASSERT_EQ(answers[i].outcome, i < kStoreBatchAppends ? Outcome::stored : Outcome::busy);
    }
}

TEST_F(LogStoreTest, SplitsWhatIsTooLargeForABatchByBytes) {
    std::vector<Append> appends;
    for (int i = 0; i < 5; ++i) {
        appends.push_back(
            incoming("bob", std::to_string(i), "", shared(std::string(3 << 20, 'x'))));
    }
    const std::size_t before = world_.table().commits();
    for (const Appended& one : call_.append(std::move(appends))) {
        EXPECT_EQ(one.outcome, Outcome::stored);
    }
    EXPECT_EQ(world_.table().commits(), before + 3);
}

// The server connects known devices on a full disk.
TEST_F(LogStoreTest, LetsAKnownDeviceInWithoutACommit) {
    world_.advance(10min);
    world_.table().set_full(true);
    const std::size_t before = world_.table().commits();
    EXPECT_FALSE(call_.enroll("bob", "phone").changed);
    EXPECT_EQ(world_.table().commits(), before);
}

TEST_F(LogStoreTest, WritesWhenADeviceWasSeenWithTheNextCommit) {
    const auto seen = [&] {
        const auto devices = call_.wait<Result<std::vector<DeviceSeen>>>(
            [&](auto done) { world_.door().devices(mailbox_of("bob"), std::move(done)); });
        return devices->front().last_seen;
    };
    const WallTime before = seen();
    world_.advance(1min);
    call_.enroll("bob", "phone");
    EXPECT_EQ(seen(), before);
    call_.append(incoming("alice", "k"));
    EXPECT_GE(seen() - before, 1min);
}

// R21
TEST_F(LogStoreTest, WritesTheMarksOfAMomentAsOneRecord) {
    std::vector<Append> appends;
    for (int i = 0; i < 10; ++i) {
        appends.push_back(incoming("bob", std::to_string(i)));
    }
    const auto answers = call_.append(std::move(appends));
    const std::size_t before = world_.table().commits();
    std::size_t done = 0;
    for (const Appended& one : answers) {
        world_.door().mark(mailbox_of("bob"), one.sequence, [&](const Result<void>& result) {
            EXPECT_TRUE(result.has_value());
            ++done;
        });
    }
    ASSERT_TRUE(world_.run_until([&] { return done == answers.size(); }));
    EXPECT_EQ(world_.table().commits(), before + 1);
    EXPECT_EQ(call_.head("bob").mark, answers.back().sequence);
}

TEST_F(LogStoreTest, AnswersBusyWhenTooMuchWaits) {
    std::size_t stored = 0;
    std::size_t busy = 0;
    const SharedBytes body = shared(std::string(1 << 20, 'x'));
    for (std::size_t i = 0; i < kStoreWaitingBytes / body->size() + 10; ++i) {
        std::vector<Append> appends;
        appends.push_back(incoming("bob", std::to_string(i), "", body));
        world_.door().append(std::move(appends), [&](const std::vector<Appended>& answers) {
            ++(answers.at(0).outcome == Outcome::stored ? stored : busy);
        });
    }
    settle();
    EXPECT_GE(busy, 10u);
    EXPECT_GE(stored, 60u);
    EXPECT_EQ(call_.append(incoming("bob", "later")).outcome, Outcome::stored);
}

TEST_F(LogStoreTest, DrainsWhatWasTakenAndRefusesTheRest) {
    append({incoming("bob", "taken")});
    bool drained = false;
    world_.run_until([&] { return world_.table().commit_under_way(); });
    world_.store().drain([&] { drained = true; });
    world_.store_loop().run_ready();
    append({incoming("bob", "late")});
    EXPECT_FALSE(drained);
    settle();
    EXPECT_TRUE(drained);
    ASSERT_EQ(answers_.size(), 2u);
    EXPECT_EQ(answers_[0][0].outcome, Outcome::busy);
    EXPECT_EQ(answers_[1][0].outcome, Outcome::stored);
}

TEST_F(LogStoreTest, DrainsOnAFullDisk) {
    world_.table().set_full(true);
    bool drained = false;
    world_.store().drain([&] { drained = true; });
    settle();
    EXPECT_TRUE(drained);
}

TEST_F(LogStoreTest, AnswersNothingAnyMoreWhenItCannotKnowWhatACommitDid) {
    for (const auto failure : {MemoryTable::Failure::lost, MemoryTable::Failure::applied}) {
        world_.table().fail_commit(1, failure);
        append({incoming("bob", failure == MemoryTable::Failure::lost ? "lost" : "applied")});
        settle();
        EXPECT_TRUE(world_.fatal().has_value());
        append({incoming("bob", "later")});
        settle();
        EXPECT_TRUE(answers_.empty());
        world_.crash();
    }
    EXPECT_EQ(call_.append(incoming("bob", "lost")).outcome, Outcome::stored);
    EXPECT_EQ(call_.append(incoming("bob", "applied")).outcome, Outcome::duplicate);
}

TEST_F(LogStoreTest, AnswersEveryCallWhicheverReadingFails) {
    for (std::size_t n = 1; n < 40; ++n) {
        world_.crash();  // an empty cache: everything is read
        world_.table().fail_read(n);
        int answered = 0;
        const auto count = [&](const auto&) { ++answered; };
        world_.door().enroll(mailbox_of("bob"), DeviceId("d" + std::to_string(n)), true, {}, count);
        std::vector<Append> appends;
        appends.push_back(incoming("bob", std::to_string(n)));
        world_.door().submit(
            std::move(appends),
            [n](auto) { return std::optional(sent("alice", std::to_string(n))); }, count);
        world_.door().mark(mailbox_of("bob"), Sequence(1), count);
        world_.door().read(mailbox_of("bob"), std::nullopt, {}, count);
        world_.door().head(mailbox_of("bob"), count);
        world_.door().erase(mailbox_of("carl"), count);
        world_.door().forget_device(mailbox_of("bob"), DeviceId("none"), count);
        settle();
        EXPECT_EQ(answered, 7) << "reading " << n;
        EXPECT_FALSE(world_.fatal().has_value());
    }
}

// A bad block stops those whose records it holds, and nobody else.
TEST_F(LogStoreTest, StoresForTheOthersWhileAKeyCannotBeRead) {
    call_.append({incoming("alice", "1"), incoming("bob", "1")});
    const MailboxKey bob = mailbox_key(mailbox_of("bob"));
    const Bytes key = append_key(bob, incoming("bob", "2").key);
    world_.table().damage(Space::keys, key);
    append({incoming("bob", "2")});
    append({incoming("alice", "2")});
    settle();
    ASSERT_EQ(answers_.size(), 2u);
    EXPECT_EQ(answers_[0][0].outcome, Outcome::busy);
    EXPECT_EQ(answers_[1][0].outcome, Outcome::stored);
    world_.table().repair();
    EXPECT_EQ(call_.append(incoming("bob", "2")).outcome, Outcome::stored);
}

// A person who wants to be forgotten does not wait for a new disk. R19
TEST_F(LogStoreTest, ErasesAUserWhoseLastEventCannotBeRead) {
    const Appended event = call_.append(incoming("bob", "k"));
    world_.restart();
    const MailboxKey bob = mailbox_key(mailbox_of("bob"));
    const auto damage = [&] {
        world_.table().damage(Space::events, event_key(bob, event.sequence.value()));
        world_.table().damage(Space::keys, append_key(bob, incoming("bob", "k").key));
    };
    damage();
    EXPECT_TRUE(call_.erase("bob"));
    EXPECT_FALSE(call_.user("bob").exists);
    EXPECT_TRUE(call_.devices("bob").empty());
    // Nor do those wait who write to somebody whom they do not know to be gone (R13).
    const std::size_t noted = world_.logged("store.unreadable");
    world_.restart();
    damage();
    EXPECT_EQ(call_.append(incoming("bob", "later")).outcome, Outcome::no_user);
    EXPECT_EQ(call_.append(incoming("bob", "k")).outcome, Outcome::no_user);
    EXPECT_EQ(world_.logged("store.unreadable"), noted);
    EXPECT_FALSE(call_.erase("bob"));
    // The damage is in the way of a mailbox that begins anew, until a restore.
    world_.table().repair();
    call_.enroll("bob", "phone");
    EXPECT_TRUE(call_.contents("bob").empty());
    const Appended after = call_.append(incoming("bob", "k", "new"));
    EXPECT_EQ(after.outcome, Outcome::stored);
    EXPECT_GT(after.sequence, event.sequence);
    EXPECT_TRUE(call_.read("bob", cursor_at(world_.door(), event.sequence)).reset);
}

// Each leaves a record for ever, and everybody on the loop waits for a listing's turn.
TEST_F(LogStoreTest, PassesOverManyUsersWhoAreGoneInTurnsOfBoundedLength) {
    for (int i = 0; i < 1100; ++i) {
        call_.enroll("a" + std::to_string(i), "phone");
        EXPECT_TRUE(call_.erase("a" + std::to_string(i)));
    }
    call_.enroll("zoe", "phone");
    const std::size_t before = world_.table().reads();
    std::optional<std::vector<UserId>> listed;
    world_.door().list(
        ApplicationKey("app"), UserId("a"), 5,
        [&](Result<std::vector<UserId>> users) { listed = std::move(users).value(); });
    EXPECT_EQ(world_.table().reads(), before + 1);
    settle();
    EXPECT_GE(world_.table().reads(), before + 2);
    ASSERT_TRUE(listed.has_value());
    ASSERT_FALSE(listed->empty());
    EXPECT_EQ(listed->back(), UserId("zoe"));
}

TEST_F(LogStoreTest, SaysOnceWhatCannotBeReadAndThatItCanAgain) {
    const Appended event = call_.append(incoming("bob", "k"));
    EXPECT_FALSE(world_.door().trouble().has_value());
    world_.table().damage(Space::events,
                          event_key(mailbox_key(mailbox_of("bob")), event.sequence.value()));
    std::size_t failed = 0;
    for (int i = 0; i < 10; ++i) {
        world_.door().read(mailbox_of("bob"), std::nullopt, {},
                           [&](const Result<Read>& read) { failed += read ? 0 : 1; });
    }
    settle();
    EXPECT_EQ(failed, 10u);
    EXPECT_EQ(world_.logged("store.unreadable"), 1u);
    ASSERT_TRUE(world_.door().trouble().has_value());
    EXPECT_EQ(world_.store().status().failed_reads, 10u);
    world_.advance(2min);
    EXPECT_TRUE(world_.door().trouble().has_value());
    world_.table().repair();
    world_.advance(2min);
    EXPECT_FALSE(world_.door().trouble().has_value());
    EXPECT_EQ(world_.logged("store.unreadable"), 1u);
    EXPECT_EQ(world_.logged("store.readable"), 1u);
}

TEST_F(LogStoreTest, SaysOnceThatCommitsAreRefusedAndThatTheyAreTakenAgain) {
    world_.table().set_full(true);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(call_.append(incoming("bob", "k")).outcome, Outcome::busy);
    }
    EXPECT_EQ(world_.logged("store.refused"), 1u);
    EXPECT_TRUE(world_.store().status().refusing.has_value());
    EXPECT_GE(world_.store().status().refused_commits, 10u);
    world_.table().set_full(false);
    // Without anyone who asks.
    world_.advance(10s);
    EXPECT_FALSE(world_.store().status().refusing.has_value());
    EXPECT_EQ(call_.append(incoming("bob", "k")).outcome, Outcome::stored);
    EXPECT_EQ(world_.logged("store.refused"), 1u);
    EXPECT_EQ(world_.logged("store.accepts"), 1u);
}

TEST_F(LogStoreTest, LeavesARestOfTheWorldAloneWhereOneMailboxIsDamaged) {
    call_.append(incoming("bob", "k"));
    bool written = false;
    world_.table().commit({{{Space::state, std::string("uapp\0bob", 8), "nonsense", {}}}, {}, {}},
                          [&](const Result<void>&) { written = true; });
    ASSERT_TRUE(world_.run_until([&] { return written; }));
    world_.crash();
    const auto answers = call_.append({incoming("alice", "1"), incoming("bob", "1")});
    EXPECT_EQ(answers[0].outcome, Outcome::stored);
    EXPECT_EQ(answers[1].outcome, Outcome::busy);
}

TEST_F(LogStoreTest, TellsNothingToADoorThatIsGone) {
    bool answered = false;
    {
        const auto door = world_.store().door(world_.loop());
        std::vector<Append> appends;
        appends.push_back(incoming("bob", "k"));
        door->append(std::move(appends), [&](const std::vector<Appended>&) { answered = true; });
        world_.run_until([&] { return world_.table().commit_under_way(); });
        door->head(mailbox_of("bob"), [&](const Result<Head>&) { answered = true; });
    }
    settle();
    EXPECT_FALSE(answered);
}

// R20
TEST_F(LogStoreTest, StoresALargeBodyOnceHoweverManyRefer) {
    for (int i = 0; i < 50; ++i) {
        call_.enroll("user" + std::to_string(i), "phone");
    }
    const std::size_t before = world_.disk().entries(Space::bodies);
    std::vector<Append> appends;
    const SharedBytes body = shared(std::string(5000, 'b'));
    for (int i = 0; i < 50; ++i) {
        appends.push_back(incoming("user" + std::to_string(i), "k", "x", body));
    }
    call_.append(std::move(appends));
    EXPECT_EQ(world_.disk().entries(Space::bodies), before + 1);
    const Read read = call_.read("user49");
    ASSERT_EQ(read.events.size(), 1u);
    EXPECT_EQ(*read.events[0].body, *body);
}

}  // namespace
}  // namespace parley::mailbox
