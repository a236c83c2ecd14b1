#include "mailbox/wakes.h"

#include "io/testing/manual_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace parley::mailbox {
namespace {

const MailboxId kBob{ApplicationKey("app"), UserId("bob")};
const MailboxId kAlice{ApplicationKey("app"), UserId("alice")};

Wake wake(const MailboxId& mailbox, std::uint64_t sequence) {
    return {mailbox, Sequence(sequence - 1), {Sequence(sequence), {}, nullptr, nullptr}};
}

class LocalWakesTest : public testing::Test {
  protected:
    // What a loop was told: a watcher, and the sequence of the event.
    using Heard = std::vector<std::pair<Wakes::Watcher, std::uint64_t>>;
    static Wakes::Told note(Heard& heard) {
        return [&heard](const Wake& one, std::span<const Wakes::Watcher> watchers) {
            for (const Wakes::Watcher watcher : watchers) {
                heard.emplace_back(watcher, one.event.sequence.value());
            }
        };
    }
    void publish(std::vector<Wake> wakes) { wakes_->publish(std::move(wakes)); }

    io::ManualLoop loop_;
    io::ManualLoop other_loop_;
    std::unique_ptr<Wakes> wakes_ = make_local_wakes();
    Heard heard_;
    std::unique_ptr<Wakes::Watches> watches_ = wakes_->watch(loop_, note(heard_));
};

// A watch keeps a reference to its mailbox's name, so that nobody may give it one that goes away.
template <typename Name>
concept CanBeWatched =
    requires(Wakes::Watches& watches, Name&& name) { watches.add(std::forward<Name>(name), 1); };
static_assert(CanBeWatched<const MailboxId&>);
static_assert(!CanBeWatched<MailboxId>);

TEST_F(LocalWakesTest, TellsEachWatcherInALaterTurnOfItsLoopInOrder) {
    Heard there;
    const auto other = wakes_->watch(other_loop_, note(there));
    watches_->add(kBob, 1);
    other->add(kBob, 2);
    publish({wake(kBob, 1), wake(kAlice, 7), wake(kBob, 2)});
    EXPECT_TRUE(heard_.empty());
    loop_.run_ready();
    EXPECT_EQ(heard_, (Heard{{1, 1}, {1, 2}}));
    EXPECT_TRUE(there.empty());
    other_loop_.run_ready();
    EXPECT_EQ(there, (Heard{{2, 1}, {2, 2}}));
}

TEST_F(LocalWakesTest, PostsOncePerLoopAndBatch) {
    watches_->add(kBob, 1);
    watches_->add(kAlice, 2);
    publish({wake(kBob, 1), wake(kAlice, 7), wake(kBob, 2)});
    EXPECT_TRUE(loop_.run_turn());
    EXPECT_EQ(heard_, (Heard{{1, 1}, {2, 7}, {1, 2}}));
    EXPECT_FALSE(loop_.run_turn());
}

TEST_F(LocalWakesTest, TellsAllWatchersOfALoopOfAWakeAtOnce) {  // so that it is rendered once
    std::vector<std::vector<Wakes::Watcher>> calls;
    const auto watches =
        wakes_->watch(loop_, [&](const Wake&, std::span<const Wakes::Watcher> watchers) {
            calls.emplace_back(watchers.begin(), watchers.end());
            std::sort(calls.back().begin(), calls.back().end());
        });
    watches->add(kBob, 1);
    watches->add(kBob, 2);
    watches->add(kAlice, 3);
    publish({wake(kAlice, 7), wake(kBob, 1), wake(kBob, 2)});
    loop_.run_ready();
    EXPECT_EQ(calls, (std::vector<std::vector<Wakes::Watcher>>{{3}, {1, 2}, {1, 2}}));
}

TEST_F(LocalWakesTest, TellsNobodyWhoHasLeft) {
    watches_->add(kBob, 1);
    watches_->add(kBob, 2);
    watches_->remove(kBob, 1);
    watches_->remove(kAlice, 2);  // does not watch her
    publish({wake(kBob, 1)});
    loop_.run_ready();
    EXPECT_EQ(heard_, (Heard{{2, 1}}));
}

TEST_F(LocalWakesTest, ALoopsWatchesEndWithThem) {
    watches_->add(kBob, 1);
    publish({wake(kBob, 1)});
    watches_.reset();
    loop_.run_ready();
    publish({wake(kBob, 2)});
    loop_.run_ready();
    EXPECT_TRUE(heard_.empty());
}

TEST_F(LocalWakesTest, WatchesMayEndWithinACall) {
    const auto end = [&](const Wake& one, std::span<const Wakes::Watcher> watchers) {
        heard_.emplace_back(watchers.front(), one.event.sequence.value());
        watches_.reset();
    };
    watches_ = wakes_->watch(loop_, end);
    watches_->add(kBob, 1);
    publish({wake(kBob, 1), wake(kBob, 2)});
    loop_.run_ready();
    EXPECT_EQ(heard_, (Heard{{1, 1}}));
}

TEST_F(LocalWakesTest, WatchesMayOutliveTheWakes) {
    watches_->add(kBob, 1);
    wakes_.reset();
    watches_.reset();
}

}  // namespace
}  // namespace parley::mailbox
