#pragma once

#include "mailbox/testing/store_conformance_fixture.h"
#include "mailbox/testing/store_conformance_users.h"

#include <algorithm>
#include <limits>

// What every mailbox::Store must do (store.h), as tests. An engine's test includes this and says
//   INSTANTIATE_TEST_SUITE_P(MyEngine, StoreConformance, testing::Values(make_my_store_world));
namespace parley::mailbox {

// ---- appends

TEST_P(StoreConformance, ReadsBackWhatWasStoredInOrder) {
    enroll_alice_and_bob();
    const auto answers = call_->append({incoming("bob", "k1", "one", shared("body one")),
                                        incoming("bob", "k2", "two"), sent("bob", "k3", "three")});
    const Read read = call_->read("bob");
    ASSERT_EQ(read.events.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(answers[i].outcome, Outcome::stored);
        EXPECT_EQ(read.events[i].sequence, answers[i].sequence);
        EXPECT_EQ(read.events[i].at, answers[i].at);
    }
    EXPECT_EQ(*read.events[0].bytes, "one");
    ASSERT_NE(read.events[0].body, nullptr);
    EXPECT_EQ(*read.events[0].body, "body one");
    EXPECT_EQ(read.events[1].body, nullptr);
    EXPECT_EQ(*read.events[2].bytes, "three");
    EXPECT_EQ(read.through, answers[2].sequence);
    EXPECT_FALSE(read.more);
    EXPECT_FALSE(read.reset);
}

TEST_P(StoreConformance, GivesStrictlyIncreasingSequencesAndTheOneBefore) {
    enroll_alice_and_bob();
    Sequence last;
    for (int i = 0; i < 20; ++i) {
        const Appended one = call_->append(incoming("bob", std::to_string(i)));
        EXPECT_EQ(one.previous, last);
        EXPECT_GT(one.sequence, last);
        EXPECT_LT(one.sequence.value(), kSequenceEnd);
        last = one.sequence;
    }
    EXPECT_EQ(call_->head("bob").newest, cursor_at(door(), last));
}

// R8
TEST_P(StoreConformance, AnswersAKnownKeyWithTheFirstSequenceAndTime) {
    enroll_alice_and_bob();
    const Appended first = call_->append(incoming("bob", "k", "first"));
    world_->advance(5s);
    call_->append(incoming("bob", "other"));
    const Appended again = call_->append(incoming("bob", "k", "second"));
    EXPECT_EQ(again.outcome, Outcome::duplicate);
    EXPECT_EQ(again.sequence, first.sequence);
    EXPECT_EQ(again.at, first.at);
    EXPECT_EQ(call_->contents("bob"), (Strings{"first", "in"}));
    // The same key in another mailbox is another append.
    EXPECT_EQ(call_->append(incoming("alice", "k")).outcome, Outcome::stored);
}

// R8
TEST_P(StoreConformance, KnowsAKeyTwiceInOneCallAndOverARestart) {
    enroll_alice_and_bob();
    const auto answers =
        call_->append({incoming("bob", "k", "first"), incoming("bob", "k", "second")});
    EXPECT_EQ(answers[0].outcome, Outcome::stored);
    EXPECT_EQ(answers[1].outcome, Outcome::duplicate);
    EXPECT_EQ(answers[1].sequence, answers[0].sequence);
    world_->restart();
    const Appended again = call_->append(incoming("bob", "k", "third"));
    EXPECT_EQ(again.outcome, Outcome::duplicate);
    EXPECT_EQ(again.sequence, answers[0].sequence);
    EXPECT_EQ(again.at, answers[0].at);
    EXPECT_EQ(call_->contents("bob"), Strings{"first"});
}

// R8
TEST_P(StoreConformance, RemembersKeysForTheWholeHorizon) {
    open({.retention = 1h, .retry_window = 2h});
    enroll_alice_and_bob();
    EXPECT_EQ(door().dedupe_horizon(), 4h);
    const Appended first = call_->append(incoming("bob", "k"));
    world_->advance(4h - 1s);
    world_->restart();
    const Appended again = call_->append(incoming("bob", "k"));
    EXPECT_EQ(again.outcome, Outcome::duplicate);
    EXPECT_EQ(again.sequence, first.sequence);
}

// R7
TEST_P(StoreConformance, KeepsEventsOverARestartAndGoesOnAboveThem) {
    enroll_alice_and_bob();
    const Appended first = call_->append(incoming("bob", "k1", "one"));
    world_->restart();
    EXPECT_EQ(call_->head("bob").newest, cursor_at(door(), first.sequence));
    const Appended second = call_->append(incoming("bob", "k2", "two"));
    EXPECT_EQ(second.previous, first.sequence);
    EXPECT_GT(second.sequence, first.sequence);
    EXPECT_EQ(call_->contents("bob"), (Strings{"one", "two"}));
}

TEST_P(StoreConformance, KeepsTheOrderOfACallLargerThanABatch) {
    enroll_alice_and_bob();
    std::vector<Append> appends;
    const std::size_t count = kStoreBatchAppends + 10;
    for (std::size_t i = 0; i < count; ++i) {
        appends.push_back(incoming("bob", std::to_string(i), std::to_string(i)));
    }
    const auto answers = call_->append(std::move(appends));
    ASSERT_EQ(answers.size(), count);
    ReadLimit limit;
    limit.events = count;
    const Read read = call_->read("bob", std::nullopt, limit);
    ASSERT_EQ(read.events.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(*read.events[i].bytes, std::to_string(i));
        ASSERT_EQ(read.events[i].sequence, answers[i].sequence);
    }
}

// R20
TEST_P(StoreConformance, KeepsALargeBodyOfManyRecipients) {
    enroll_alice_and_bob();
    const SharedBytes body = shared(std::string(60'000, 'x') + "end");
    for (int message = 0; message < 2; ++message) {
        const std::string key = std::to_string(message);
        const auto answers = call_->append(
            {incoming("alice", key, "to alice", body), incoming("bob", key, "to bob", body)});
        EXPECT_EQ(answers[1].outcome, Outcome::stored);
        world_->advance(25h);
    }
    for (const char* user : {"alice", "bob"}) {
        const Read read = call_->read(user);
        ASSERT_EQ(read.events.size(), 2u);
        EXPECT_EQ(*read.events[0].body, *body);
        EXPECT_EQ(*read.events[1].body, *body);
    }
}

TEST_P(StoreConformance, KeepsBodiesOfEverySize) {
    enroll_alice_and_bob();
    for (const std::size_t size : {0u, 1u, 511u, 512u, 513u, 4096u}) {
        call_->append(incoming("bob", std::to_string(size), "", shared(std::string(size, 'b'))));
    }
    const Read read = call_->read("bob");
    ASSERT_EQ(read.events.size(), 6u);
    EXPECT_EQ(read.events[0].body->size(), 0u);
    EXPECT_EQ(read.events[3].body->size(), 512u);
    EXPECT_EQ(read.events[4].body->size(), 513u);
    EXPECT_EQ(read.events[5].body->size(), 4096u);
}

// ---- submissions

// R1
TEST_P(StoreConformance, StoresTheSentEventThatFinishMakesOfTheFinalAnswers) {
    enroll_alice_and_bob();
    std::vector<Outcome> seen;
    const auto result = call_->submit({incoming("bob", "k"), incoming("nobody", "k")},
                                      [&](std::span<const Appended> answers) {
                                          for (const Appended& one : answers) {
                                              seen.push_back(one.outcome);
                                          }
                                          return std::optional(sent("alice", "s", "sent"));
                                      });
    EXPECT_EQ(seen, (std::vector{Outcome::stored, Outcome::no_user}));
    ASSERT_TRUE(result.sent.has_value());
    EXPECT_EQ(result.sent->outcome, Outcome::stored);
    EXPECT_EQ(result.incoming[0].outcome, Outcome::stored);
    EXPECT_EQ(call_->contents("alice"), Strings{"sent"});
    EXPECT_EQ(call_->read("alice").events[0].sequence, result.sent->sequence);
}

// R8
TEST_P(StoreConformance, AnswersARepeatedSubmissionAsTheFirst) {
    enroll_alice_and_bob();
    const auto submit = [&] {
        return call_->submit({incoming("bob", "k")},
                             [](auto) { return std::optional(sent("alice", "s")); });
    };
    const auto first = submit();
    world_->advance(1min);
    const auto second = submit();
    EXPECT_EQ(second.incoming[0].outcome, Outcome::duplicate);
    EXPECT_EQ(second.sent->outcome, Outcome::duplicate);
    EXPECT_EQ(second.sent->sequence, first.sent->sequence);
    EXPECT_EQ(second.sent->at, first.sent->at);
    EXPECT_EQ(call_->contents("alice").size(), 1u);
    EXPECT_EQ(call_->contents("bob").size(), 1u);
}

TEST_P(StoreConformance, StoresNoSentEventWhereFinishMakesNone) {
    enroll_alice_and_bob();
    const auto result =
        call_->submit({incoming("nobody", "k")}, [](auto) { return std::optional<Append>(); });
    EXPECT_FALSE(result.sent.has_value());
    EXPECT_TRUE(call_->contents("alice").empty());
}

// R16
TEST_P(StoreConformance, StoresAMessageToOneselfOnce) {
    enroll_alice_and_bob();
    const auto result = call_->submit({incoming("alice", "k", "in")}, [](auto) {
        return std::optional(sent("alice", "s", "sent"));
    });
    EXPECT_EQ(call_->contents("alice"), (Strings{"in", "sent"}));
    EXPECT_EQ(result.sent->previous, result.incoming[0].sequence);
}

// R6
TEST_P(StoreConformance, StoresSeveralSubmissionsOfOneCallInTheirOrder) {
    enroll_alice_and_bob();
    std::vector<Store::Submission> submissions;
    for (const char* key : {"1", "2", "3"}) {
        Store::Submission one;
        one.incoming.push_back(incoming("bob", key, key));
        one.incoming.push_back(incoming("nobody", key));
        one.finish = [key](std::span<const Appended> answers) {
            EXPECT_EQ(answers.size(), 2u);
            return std::optional(sent("alice", "s" + std::string(key), key));
        };
        submissions.push_back(std::move(one));
    }
    const auto results = call_->submit_all(std::move(submissions));
    ASSERT_EQ(results.size(), 3u);
    for (const Store::Submitted& result : results) {
        EXPECT_EQ(result.incoming[0].outcome, Outcome::stored);
        EXPECT_EQ(result.incoming[1].outcome, Outcome::no_user);
        EXPECT_EQ(result.sent->outcome, Outcome::stored);
    }
    EXPECT_EQ(call_->contents("bob"), (Strings{"1", "2", "3"}));
    EXPECT_EQ(call_->contents("alice"), (Strings{"1", "2", "3"}));
}

// ---- reading

TEST_P(StoreConformance, ReadsOnAfterTheCursor) {
    enroll_alice_and_bob();
    const auto answers =
        call_->append({incoming("bob", "1"), incoming("bob", "2"), incoming("bob", "3")});
    const Read rest = call_->read("bob", cursor_at(door(), answers[0].sequence));
    ASSERT_EQ(rest.events.size(), 2u);
    EXPECT_EQ(rest.events[0].sequence, answers[1].sequence);
    EXPECT_FALSE(rest.reset);
    const Read none = call_->read("bob", cursor_at(door(), answers[2].sequence));
    EXPECT_TRUE(none.events.empty());
    EXPECT_FALSE(none.more);
    EXPECT_FALSE(none.reset);
    EXPECT_EQ(none.through, answers[2].sequence);
}

TEST_P(StoreConformance, EndsAPageAtItsLimitsAndSaysThatThereIsMore) {
    enroll_alice_and_bob();
    const SharedBytes body = shared(std::string(1000, 'b'));
    const auto answers =
        call_->append({incoming("bob", "1", "x", body), incoming("bob", "2", "x", body),
                       incoming("bob", "3", "x", body), incoming("bob", "4", "x", body)});
    Read page = call_->read("bob", std::nullopt, {.events = 2, .bytes = 1 << 20});
    EXPECT_EQ(page.events.size(), 2u);
    EXPECT_TRUE(page.more);
    EXPECT_EQ(page.through, answers[1].sequence);
    page = call_->read("bob", cursor_at(door(), page.through), {.events = 2, .bytes = 1 << 20});
    EXPECT_EQ(page.events.size(), 2u);
    EXPECT_FALSE(page.more);
    page = call_->read("bob", std::nullopt, {.events = 100, .bytes = 3003});
    EXPECT_EQ(page.events.size(), 3u);
    EXPECT_TRUE(page.more);
    page = call_->read("bob", std::nullopt, {.events = 100, .bytes = 1});
    EXPECT_EQ(page.events.size(), 1u);
    EXPECT_TRUE(page.more);
}

// R19
TEST_P(StoreConformance, ReadsFromTheStartWhereTheCursorIsVoid) {
    enroll_alice_and_bob();
    const Appended one = call_->append(incoming("bob", "k"));
    Read read = call_->read("bob", Cursor{Epoch("another"), one.sequence});
    EXPECT_TRUE(read.reset);
    EXPECT_EQ(read.events.size(), 1u);
    read = call_->read("bob", cursor_at(door(), Sequence(one.sequence.value() + 1)));
    EXPECT_TRUE(read.reset);
    EXPECT_EQ(read.events.size(), 1u);
    read =
        call_->read("bob", cursor_at(door(), Sequence(std::numeric_limits<std::uint64_t>::max())));
    EXPECT_TRUE(read.reset);
    // Before the first event is a place like any other.
    EXPECT_FALSE(call_->read("bob", cursor_at(door(), Sequence())).reset);
    EXPECT_TRUE(call_->read("nobody", cursor_at(door(), Sequence(1))).reset);
    EXPECT_FALSE(call_->read("nobody").reset);
}

// R17, R19
TEST_P(StoreConformance, NeverHandsOutWhatIsPastRetentionButKeepsHeadAndMark) {
    open({.retention = 1h, .retry_window = 10min});
    enroll_alice_and_bob();
    const Appended old = call_->append(incoming("bob", "old", "old"));
    EXPECT_TRUE(call_->mark("bob", old.sequence));
    world_->advance(40min);
    const Appended young = call_->append(incoming("bob", "young", "young"));
    world_->advance(30min);
    EXPECT_EQ(call_->contents("bob"), Strings{"young"});
    world_->advance(2h);
    EXPECT_TRUE(call_->contents("bob").empty());
    for (int round = 0; round < 2; ++round) {
        const Head head = call_->head("bob");
        EXPECT_GE(head.newest.sequence, young.sequence);
        EXPECT_EQ(head.mark, old.sequence);
        EXPECT_FALSE(call_->read("bob", cursor_at(door(), young.sequence)).reset);
        EXPECT_FALSE(call_->read("bob", cursor_at(door(), head.newest.sequence)).reset);
        world_->restart();
    }
    const Read nothing = call_->read("bob");
    const Appended next = call_->append(incoming("bob", "next", "next"));
    EXPECT_GT(next.sequence, nothing.through);
    EXPECT_EQ(call_->read("bob", cursor_at(door(), nothing.through)).events.size(), 1u);
    EXPECT_EQ(call_->read("bob", cursor_at(door(), young.sequence)).events.size(), 1u);
}

// R21
TEST_P(StoreConformance, MovesTheMarkForwardOnlyAndNotBeyondTheHead) {
    enroll_alice_and_bob();
    const auto answers = call_->append({incoming("bob", "1"), incoming("bob", "2")});
    EXPECT_TRUE(call_->mark("bob", answers[1].sequence));
    EXPECT_TRUE(call_->mark("bob", answers[0].sequence));
    EXPECT_EQ(call_->head("bob").mark, answers[1].sequence);
    EXPECT_TRUE(call_->mark("bob", Sequence(answers[1].sequence.value() + 1)));
    EXPECT_EQ(call_->head("bob").mark, answers[1].sequence);
    EXPECT_TRUE(call_->mark("nobody", Sequence(5)));
    world_->restart();
    EXPECT_EQ(call_->head("bob").mark, answers[1].sequence);
    EXPECT_EQ(call_->head("nobody").mark, Sequence());
}

// ---- wake-ups and doors

TEST_P(StoreConformance, WakesWatchersWithTheEventOnceItIsDurable) {
    enroll_alice_and_bob();
    std::vector<Wake> wakes;
    const MailboxId bob = mailbox_of("bob");
    auto watches = door().wakes().watch(
        world_->loop(), [&](const Wake& wake, std::span<const Wakes::Watcher> watchers) {
            ASSERT_EQ(watchers.size(), 1u);
            EXPECT_EQ(watchers[0], 7u);
            wakes.push_back(wake);
        });
    watches->add(bob, 7);
    const SharedBytes body = shared(std::string(2000, 'b'));
    const auto answers =
        call_->append({incoming("bob", "1", "one", body), incoming("alice", "1"),
                       incoming("bob", "2", "two"), incoming("bob", "1", "again")});
    ASSERT_TRUE(world_->run_until([&] { return wakes.size() == 2; }));
    EXPECT_EQ(wakes[0].previous, Sequence());
    EXPECT_EQ(wakes[0].event.sequence, answers[0].sequence);
    EXPECT_EQ(wakes[0].event.at, answers[0].at);
    EXPECT_EQ(*wakes[0].event.bytes, "one");
    EXPECT_EQ(*wakes[0].event.body, *body);
    EXPECT_EQ(wakes[1].previous, answers[0].sequence);
    EXPECT_EQ(wakes[1].mailbox, mailbox_of("bob"));
    EXPECT_EQ(call_->contents("bob").size(), 2u);
    watches->remove(bob, 7);
    call_->append(incoming("bob", "3"));
    world_->advance(1s);
    EXPECT_EQ(wakes.size(), 2u);
}

TEST_P(StoreConformance, ShowsOneDoorWhatCameInThroughTheOther) {
    enroll_alice_and_bob();
    std::optional<Appended> there;
    std::vector<Append> appends;
    appends.push_back(incoming("bob", "k"));
    world_->other_door().append(std::move(appends),
                                [&](std::vector<Appended> answers) { there = answers.at(0); });
    ASSERT_TRUE(world_->run_until([&] { return there.has_value(); }));
    EXPECT_EQ(call_->append(incoming("bob", "k")).sequence, there->sequence);
    EXPECT_EQ(call_->contents("bob").size(), 1u);
    EXPECT_EQ(world_->other_door().epoch(), door().epoch());
}

TEST_P(StoreConformance, AnswersEveryCallOnceWhenMuchIsUnderWay) {
    enroll_alice_and_bob();
    constexpr int kCalls = 300;
    std::vector<int> answered(2 * kCalls, 0);
    for (int i = 0; i < kCalls; ++i) {
        for (int side = 0; side < 2; ++side) {
            std::vector<Append> appends;
            appends.push_back(incoming("bob", std::to_string(i), std::to_string(i)));
            Store& store = side == 0 ? door() : world_->other_door();
            store.append(std::move(appends), [&answered, i, side](std::vector<Appended> answers) {
                EXPECT_TRUE(is_held(answers.at(0).outcome));
                ++answered[static_cast<std::size_t>(side * kCalls + i)];
            });
        }
    }
    ASSERT_TRUE(
        world_->run_until([&] { return std::count(answered.begin(), answered.end(), 0) == 0; }));
    world_->advance(1s);
    EXPECT_EQ(std::count(answered.begin(), answered.end(), 1), 2 * kCalls);
    ReadLimit limit;
    limit.events = 1000;
    EXPECT_EQ(call_->read("bob", std::nullopt, limit).events.size(),
              static_cast<std::size_t>(kCalls));
}

// R17
TEST_P(StoreConformance, StampsEventsWithTheStoresTimeWhichNeverGoesBack) {
    enroll_alice_and_bob();
    WallTime last = door().now();
    for (int i = 0; i < 5; ++i) {
        const Appended one = call_->append(incoming("bob", std::to_string(i)));
        EXPECT_GE(one.at, last);
        EXPECT_GE(door().now(), one.at);
        last = one.at;
        world_->advance(10s);
    }
    EXPECT_GE(door().now() - last, 10s);
}

}  // namespace parley::mailbox
