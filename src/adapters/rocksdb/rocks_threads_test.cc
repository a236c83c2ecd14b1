// The whole store on real threads: a loop for the writer and one for each of two doors, and the
// engine's own.
#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "adapters/rocksdb/testing/temporary_folder.h"
#include "mailbox/log_store.h"
#include "mailbox/testing/store_world.h"

#include <thread>

namespace parley::rocksdb {
namespace {

using mailbox::Appended;
using mailbox::Outcome;
using mailbox::Read;
using mailbox::Store;
using mailbox::Wake;

constexpr int kMessages = 400;

// Runs a loop on a thread of its own until told to end.
class LoopThread {
  public:
    LoopThread() : thread_([this] { loop_.run_while([this] { return running_; }); }) {}
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;
    ~LoopThread() { end(); }
    void end() {
        if (thread_.joinable()) {
            loop_.post([this] { running_ = false; });
            thread_.join();
        }
    }
    HandLoop& loop() { return loop_; }

  private:
    HandLoop loop_;
    bool running_ = true;  // on the thread
    std::thread thread_;
};

// Sends to a mailbox that others write too, and follows it by wake-ups and reading, all on its own
// loop.
class Peer {
  public:
    Peer(Store& store, HandLoop& loop, std::string name, std::atomic<int>& finished)
        : store_(store), loop_(loop), name_(std::move(name)), finished_(finished) {}

    void start() {
        loop_.post([this] {
            watches_ = store_.wakes().watch(
                loop_, [this](const Wake&, std::span<const mailbox::Wakes::Watcher>) { read(); });
            watches_->add(room_, 1);
            for (int i = 0; i < 10; ++i) {
                send();
            }
            read();
        });
    }
    void stop() { watches_.reset(); }

    std::vector<Sequence> seen;
    std::vector<Sequence> stored;

  private:
    void send() {
        if (next_ == kMessages) {
            return;
        }
        std::vector<mailbox::Append> appends;
        appends.push_back(mailbox::incoming("room", name_ + std::to_string(next_++)));
        store_.append(std::move(appends), [this](const std::vector<Appended>& answers) {
            EXPECT_EQ(answers[0].outcome, Outcome::stored);
            stored.push_back(answers[0].sequence);
            send();
        });
    }
    void read() {
        if (std::exchange(reading_, true)) {
            again_ = true;
            return;
        }
        store_.read(mailbox::mailbox_of("room"), cursor_, {.events = 17, .bytes = 1 << 20},
                    [this](const Result<Read>& page) { take(page.value()); });
    }
    void take(const Read& page) {
        reading_ = false;
        EXPECT_FALSE(page.reset);
        for (const auto& event : page.events) {
            seen.push_back(event.sequence);
        }
        cursor_ = Cursor{store_.epoch(), page.through};
        if (seen.size() == 2 * kMessages && !std::exchange(finished_once_, true)) {
            ++finished_;
        }
        if (page.more || std::exchange(again_, false)) {
            read();
        }
    }

    Store& store_;
    HandLoop& loop_;
    const std::string name_;
    std::atomic<int>& finished_;
    const MailboxId room_ = mailbox::mailbox_of("room");
    std::unique_ptr<mailbox::Wakes::Watches> watches_;
    std::optional<Cursor> cursor_;
    int next_ = 0;
    bool reading_ = false;
    bool again_ = false;
    bool finished_once_ = false;
};

// R6, R7
TEST(RocksThreads, TwoDoorsOnTwoThreadsSeeOneMailboxWholeAndInOneOrder) {
    TemporaryFolder folder;
    LoopThread writer;
    LoopThread first;
    LoopThread second;
    HandClock clock(writer.loop());
    auto table = RocksTable::open(folder.path(), writer.loop()).value();
    mailbox::LogStoreOptions options;
    options.hold_for_unknown = true;
    options.on_fatal = [](const Error& error) { ADD_FAILURE() << error.description; };
    HandLoop here;
    std::unique_ptr<mailbox::LogStore> store;
    bool opened = false;
    writer.loop().post([&] {
        store = mailbox::LogStore::open(*table, writer.loop(), clock, std::move(options),
                                        Logger(null_log()))
                    .value();
        here.post([&] { opened = true; });
    });
    ASSERT_TRUE(here.run_while([&] { return !opened; }));

    const auto door_a = store->door(first.loop());
    const auto door_b = store->door(second.loop());
    std::atomic<int> finished = 0;
    Peer a(*door_a, first.loop(), "a", finished);
    Peer b(*door_b, second.loop(), "b", finished);
    a.start();
    b.start();
    for (int i = 0; i < 20'000 && finished < 2; ++i) {
        std::this_thread::yield();
        here.run_while([] { return true; }, std::chrono::milliseconds(1));
    }
    EXPECT_EQ(finished, 2);
    first.end();
    second.end();
    a.stop();
    b.stop();
    EXPECT_EQ(a.seen, b.seen);
    EXPECT_TRUE(std::is_sorted(a.seen.begin(), a.seen.end()));
    std::vector<Sequence> all = a.stored;
    all.insert(all.end(), b.stored.begin(), b.stored.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(a.seen, all);
    EXPECT_TRUE(std::is_sorted(a.stored.begin(), a.stored.end()));

    bool drained = false;
    store->drain([&] { here.post([&] { drained = true; }); });
    EXPECT_TRUE(here.run_while([&] { return !drained; }));
    writer.end();
}

}  // namespace
}  // namespace parley::rocksdb
