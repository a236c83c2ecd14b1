// The mailbox store alone: LogStore on RocksDB, one door, messages as `submit` makes them (an
// `incoming` and a `sent` event, two append keys). Counters: messages per second, CPU of the whole
// process per message, flushes per message.
#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "mailbox/log_store.h"

#include <benchmark/benchmark.h>

#include <sys/resource.h>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace parley {
namespace {

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Counts the commits that the store makes: each is one flush.
class CountingTable final : public mailbox::Table {
  public:
    explicit CountingTable(mailbox::Table& table) : table_(table) {}
    Result<std::optional<Bytes>> get(mailbox::Space space, std::string_view key) override {
        return table_.get(space, key);
    }
    Result<std::vector<std::optional<Bytes>>> get_many(mailbox::Space space,
                                                       const std::vector<Bytes>& keys) override {
        return table_.get_many(space, keys);
    }
    Result<std::vector<mailbox::Entry>> scan(mailbox::Space space,
                                             const mailbox::ScanOptions& options) override {
        return table_.scan(space, options);
    }
    void commit(mailbox::Commit commit, CommitDone done) override {
        ++commits;
        records += commit.puts.size();
        table_.commit(std::move(commit), std::move(done));
    }
    void expire(mailbox::Space space, WallTime before) override { table_.expire(space, before); }
    const Epoch& epoch() const override { return table_.epoch(); }
    Result<void> backup(const std::string& folder) override { return table_.backup(folder); }

    std::size_t commits = 0;
    std::size_t records = 0;

  private:
    mailbox::Table& table_;
};

class Bench {
  public:
    explicit Bench(std::size_t pairs) : pairs_(pairs) {
        folder_ = (std::filesystem::temp_directory_path() / "parley-bench-XXXXXX").string();
        if (::mkdtemp(folder_.data()) == nullptr) {
            std::abort();
        }
        rocks_ = rocksdb::RocksTable::open(folder_, loop_).value();
        table_ = std::make_unique<CountingTable>(*rocks_);
        mailbox::LogStoreOptions options;
        options.on_fatal = [](const Error&) { std::abort(); };
        store_ =
            mailbox::LogStore::open(*table_, loop_, clock_, std::move(options), Logger(null_log()))
                .value();
        door_ = store_->door(loop_);
        std::size_t enrolled = 0;
        for (std::size_t i = 0; i < 2 * pairs; ++i) {
            door_->enroll(user(i), DeviceId("phone"), true, {},
                          [&](const Result<mailbox::Enrolled>&) { ++enrolled; });
        }
        loop_.run_while([&] { return enrolled < 2 * pairs; });
        table_->commits = table_->records = 0;
    }
    ~Bench() {
        door_.reset();
        store_.reset();
        table_.reset();
        rocks_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    // Starts one message; the next of its pair starts when it is answered, until `messages` were.
    void send(std::size_t pair) {
        const std::size_t n = started_++;
        const auto body = std::make_shared<const Bytes>(100, 't');
        std::vector<mailbox::Append> incoming;
        incoming.push_back({user(2 * pair), key(n, 1), mailbox::Needs::messaging, bytes_, body});
        door_->submit(
            std::move(incoming),
            [this, pair, n, body](std::span<const mailbox::Appended>) {
                return std::optional(mailbox::Append{user(2 * pair + 1), key(n, 2),
                                                     mailbox::Needs::user, bytes_, body});
            },
            [this, pair, n, body](const mailbox::Store::Submitted& submitted) {
                ++done_;
                receipt(pair, n, submitted.incoming.front().sequence);
                if (started_ < wanted_) {
                    send(pair);
                }
            });
    }
    void run(std::size_t messages, std::size_t outstanding) {
        wanted_ = started_ + messages;
        const std::size_t end = done_ + messages;
        for (std::size_t i = 0; i < outstanding && started_ < wanted_; ++i) {
            send(i % pairs_);
        }
        loop_.run_while([&] { return done_ < end || (receipts_ && delivered_ < done_); });
    }
    void set_receipts(bool receipts) { receipts_ = receipts; }
    const CountingTable& table() const { return *table_; }

  private:
    static MailboxId user(std::size_t i) {
        return {ApplicationKey("a0b1c2d3-e4f5-6789-abcd-ef0123456789"),
                UserId("user-" + std::to_string(i))};
    }
    // Well spread, like the hash that it is in the server.
    static mailbox::AppendKey key(std::size_t n, std::uint64_t kind) {
        mailbox::AppendKey key{};
        const std::uint64_t low = (n + 1) * 0x9e3779b97f4a7c15ull ^ kind;
        const std::uint64_t high = (n + 1) * 0xc2b2ae3d27d4eb4full + kind;
        std::memcpy(key.data(), &low, 8);
        std::memcpy(key.data() + 8, &high, 8);
        return key;
    }
    // What the recipient's acknowledgement makes: `delivered` at the sender, then the mark.
    void receipt(std::size_t pair, std::size_t n, Sequence incoming) {
        if (!receipts_) {
            return;
        }
        std::vector<mailbox::Append> appends;
        appends.push_back({user(2 * pair + 1), key(n, 3), mailbox::Needs::user, bytes_, nullptr});
        door_->append(std::move(appends),
                      [this, pair, incoming](const std::vector<mailbox::Appended>&) {
                          ++delivered_;
                          door_->mark(user(2 * pair), incoming, [](const Result<void>&) {});
                      });
    }

    const std::size_t pairs_;
    bool receipts_ = false;
    std::string folder_;
    rocksdb::HandLoop loop_;
    rocksdb::HandClock clock_{loop_};
    SharedBytes bytes_ = std::make_shared<const Bytes>(80, 'b');
    std::unique_ptr<rocksdb::RocksTable> rocks_;
    std::unique_ptr<CountingTable> table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<mailbox::Store> door_;
    std::size_t started_ = 0;
    std::size_t wanted_ = 0;
    std::size_t done_ = 0;
    std::size_t delivered_ = 0;
};

void messages(benchmark::State& state, bool receipts) {
    const auto outstanding = static_cast<std::size_t>(state.range(0));
    Bench bench(100);
    bench.set_receipts(receipts);
    const std::size_t round = std::max<std::size_t>(outstanding * 20, 200);
    std::size_t sent = 0;
    const double before = cpu_seconds();
    for (auto _ : state) {
        bench.run(round, outstanding);
        sent += round;
    }
    const auto count = static_cast<double>(sent);
    state.counters["messages/s"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
    state.counters["cpu_us/message"] = (cpu_seconds() - before) * 1e6 / count;
    state.counters["messages/flush"] = count / static_cast<double>(bench.table().commits);
    state.counters["records/message"] = static_cast<double>(bench.table().records) / count;
}
void submissions(benchmark::State& state) {
    messages(state, false);
}
void submissions_and_receipts(benchmark::State& state) {
    messages(state, true);
}

BENCHMARK(submissions)->Arg(1)->Arg(64)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submissions_and_receipts)
    ->Arg(1)
    ->Arg(64)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace parley
