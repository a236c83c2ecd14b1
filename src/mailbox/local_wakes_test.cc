#include "mailbox/wakes.h"

#include "io/testing/manual_loop.h"

#include <gtest/gtest.h>

#include <utility>

namespace parley::mailbox {
namespace {

const MailboxId kBob{ApplicationKey("app"), UserId("bob")};
const MailboxId kAlice{ApplicationKey("app"), UserId("alice")};

Wake wake(const MailboxId& mailbox, std::uint64_t sequence) {
    return {mailbox, Sequence(sequence - 1), {Sequence(sequence), {}, nullptr, nullptr}};
}

class LocalWakesTest : public testing::Test {
  protected:
    Wakes::Watch note() {
        return [this](const Wake& one) { seen_.push_back(one.event.sequence.value()); };
    }
    void publish(std::vector<Wake> wakes) { wakes_->publish(std::move(wakes)); }

    io::ManualLoop loop_;
    io::ManualLoop other_loop_;
    std::unique_ptr<Wakes> wakes_ = make_local_wakes();
    std::vector<std::uint64_t> seen_;
};

// A watch keeps a reference to its mailbox's name, so that nobody may give it one that goes away.
template <typename Name>
concept CanBeWatched = requires(Wakes& wakes, Name&& name, io::Loop& loop) {
    wakes.subscribe(std::forward<Name>(name), loop, Wakes::Watch());
};
static_assert(CanBeWatched<const MailboxId&>);
static_assert(!CanBeWatched<MailboxId>);

TEST_F(LocalWakesTest, TellsEachWatcherInALaterTurnOfItsLoopInOrder) {
    auto first = wakes_->subscribe(kBob, loop_, note());
    std::vector<std::uint64_t> there;
    auto second = wakes_->subscribe(
        kBob, other_loop_, [&](const Wake& one) { there.push_back(one.event.sequence.value()); });
    publish({wake(kBob, 1), wake(kAlice, 7), wake(kBob, 2)});
    EXPECT_TRUE(seen_.empty());
    loop_.run_ready();
    EXPECT_EQ(seen_, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_TRUE(there.empty());
    other_loop_.run_ready();
    EXPECT_EQ(there, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(LocalWakesTest, PostsOncePerLoopAndBatch) {
    auto bob = wakes_->subscribe(kBob, loop_, note());
    auto alice = wakes_->subscribe(kAlice, loop_, note());
    publish({wake(kBob, 1), wake(kAlice, 7), wake(kBob, 2)});
    EXPECT_TRUE(loop_.run_turn());
    EXPECT_EQ(seen_, (std::vector<std::uint64_t>{1, 7, 2}));
    EXPECT_FALSE(loop_.run_turn());
}

TEST_F(LocalWakesTest, TellsNobodyAfterTheHandleIsGone) {
    auto handle = wakes_->subscribe(kBob, loop_, note());
    publish({wake(kBob, 1)});
    handle.reset();
    loop_.run_ready();
    publish({wake(kBob, 2)});
    loop_.run_ready();
    EXPECT_TRUE(seen_.empty());
}

TEST_F(LocalWakesTest, AWatcherMayEndItsOwnWatchAndThoseOfOthers) {
    std::unique_ptr<Wakes::Handle> first;
    std::unique_ptr<Wakes::Handle> second;
    // Whichever is called first.
    const auto end_both = [&](const Wake& one) {
        seen_.push_back(one.event.sequence.value());
        second.reset();
        first.reset();
    };
    first = wakes_->subscribe(kBob, loop_, end_both);
    second = wakes_->subscribe(kBob, loop_, end_both);
    publish({wake(kBob, 1), wake(kBob, 2)});
    loop_.run_ready();
    EXPECT_EQ(seen_, std::vector<std::uint64_t>{1});
}

TEST_F(LocalWakesTest, HandlesMayOutliveTheWakes) {
    auto handle = wakes_->subscribe(kBob, loop_, note());
    wakes_.reset();
    handle.reset();
}

}  // namespace
}  // namespace parley::mailbox
