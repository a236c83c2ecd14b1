// The mailbox store, appends and reads by batch size: over the table in memory, where the logic of
// LogStore is all there is (and is counted), and over RocksDB, where each batch is durable.
#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "mailbox/log_store.h"
#include "mailbox/memory_table.h"
#include "operations.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace parley::bench {
namespace {

constexpr std::size_t kMailboxes = 1000;
constexpr std::size_t kEvents = 10'000;  // of the mailbox that is read

MailboxId mailbox(std::size_t number) {
    return {ApplicationKey("a0b1c2d3-e4f5-6789-abcd-ef0123456789"),
            UserId("user-" + std::to_string(number))};
}

// Well spread, like the hash that it is in the server.
mailbox::AppendKey key(std::size_t number, std::uint64_t kind) {
    mailbox::AppendKey key{};
    const std::uint64_t low = (number + 1) * 0x9e3779b97f4a7c15ull ^ kind;
    const std::uint64_t high = (number + 1) * 0xc2b2ae3d27d4eb4full + kind;
    std::memcpy(key.data(), &low, sizeof low);
    std::memcpy(key.data() + sizeof low, &high, sizeof high);
    return key;
}

enum class Engine { memory, rocksdb };

class World {
  public:
    explicit World(Engine engine) {
        if (engine == Engine::memory) {
            table_ = std::make_unique<mailbox::MemoryTable>(
                disk_, loop_, mailbox::MemoryTable::Options{.commit_delay = Duration(0)});
        } else {
            folder_ =
                (std::filesystem::temp_directory_path() / "parley-store-bench-XXXXXX").string();
            if (::mkdtemp(folder_.data()) == nullptr) {
                std::abort();
            }
            table_ = rocksdb::RocksTable::open(folder_, loop_).value();
        }
        mailbox::LogStoreOptions options;
        options.quota_pending_bytes = options.quota_retained_bytes = 0;
        options.on_fatal = [](const Error&) { std::abort(); };
        store_ =
            mailbox::LogStore::open(*table_, loop_, clock_, std::move(options), Logger(null_log()))
                .value();
        door_ = store_->door(loop_);
        std::size_t enrolled = 0;
        for (std::size_t i = 0; i < kMailboxes; ++i) {
            door_->enroll(mailbox(i), DeviceId("phone"), true, {},
                          [&](const Result<mailbox::Enrolled>&) { ++enrolled; });
        }
        loop_.run_while([&] { return enrolled < kMailboxes; });
    }
    ~World() {
        door_.reset();
        store_.reset();
        table_.reset();
        if (!folder_.empty()) {
            std::error_code ignored;
            std::filesystem::remove_all(folder_, ignored);
        }
    }

    // `count` messages that wait together, each an `incoming` and a `sent`: one commit.
    void submit(std::size_t count) {
        std::vector<mailbox::Store::Submission> batch;
        batch.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t number = submitted_++;
            const auto body = std::make_shared<const Bytes>(100, 't');
            mailbox::Store::Submission submission;
            submission.incoming.push_back({mailbox(number % kMailboxes), key(number, 1),
                                           mailbox::Needs::messaging, bytes_, body});
            submission.finish = [this, number, body](std::span<const mailbox::Appended>) {
                return std::optional(mailbox::Append{mailbox((number + 1) % kMailboxes),
                                                     key(number, 2), mailbox::Needs::user, bytes_,
                                                     body});
            };
            batch.push_back(std::move(submission));
        }
        bool done = false;
        door_->submit_all(std::move(batch),
                          [&](const std::vector<mailbox::Store::Submitted>& answers) {
                              check(answers.back().sent->outcome);
                              done = true;
                          });
        loop_.run_while([&] { return !done; });
    }
    // Into one mailbox.
    void append(std::size_t count) {
        std::vector<mailbox::Append> batch;
        batch.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            batch.push_back(
                {mailbox(0), key(submitted_++, 3), mailbox::Needs::user, bytes_, nullptr});
        }
        bool done = false;
        door_->append(std::move(batch), [&](const std::vector<mailbox::Appended>& answers) {
            check(answers.back().outcome);
            done = true;
        });
        loop_.run_while([&] { return !done; });
    }
    // The next events of the mailbox, and from the start again at its end.
    void read(std::size_t count) {
        bool done = false;
        door_->read(mailbox(0), Cursor{door_->epoch(), read_}, {count, std::size_t{8} << 20},
                    [&](Result<mailbox::Read> page) {
                        if (page->events.size() != count) {
                            std::abort();
                        }
                        read_ = page->more ? page->events.back().sequence : Sequence();
                        done = true;
                    });
        loop_.run_while([&] { return !done; });
    }

  private:
    static void check(mailbox::Outcome outcome) {
        if (outcome != mailbox::Outcome::stored) {
            std::abort();
        }
    }

    rocksdb::HandLoop loop_;
    rocksdb::HandClock clock_{loop_};
    mailbox::MemoryDisk disk_;
    std::string folder_;
    std::unique_ptr<mailbox::Table> table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<mailbox::Store> door_;
    SharedBytes bytes_ = std::make_shared<const Bytes>(80, 'b');
    std::size_t submitted_ = 0;
    Sequence read_;
};

const char* name_of(Engine engine) {
    return engine == Engine::memory ? "store/in memory, " : "store/rocksdb, ";
}
std::size_t calls(Engine engine, std::size_t batch) {
    // RocksDB writes on a thread of its own; callgrind would count what that happens to do.
    return engine == Engine::rocksdb ? 0 : batch >= 64 ? 8 : 64;
}

Operation submissions(Engine engine, std::size_t count) {
    auto make = [engine, count]() -> Task {
        return [world = std::make_unique<World>(engine), count] { world->submit(count); };
    };
    return {name_of(engine) + ("submit/" + std::to_string(count)), std::move(make), count, 0,
            calls(engine, count)};
}
Operation appends(Engine engine, std::size_t count) {
    auto make = [engine, count]() -> Task {
        return [world = std::make_unique<World>(engine), count] { world->append(count); };
    };
    return {name_of(engine) + ("append/" + std::to_string(count)), std::move(make), count, 0,
            calls(engine, count)};
}
Operation reads(Engine engine, std::size_t count) {
    auto make = [engine, count]() -> Task {
        auto world = std::make_unique<World>(engine);
        for (std::size_t i = 0; i < kEvents; i += 500) {
            world->append(500);
        }
        return [world = std::move(world), count] { world->read(count); };
    };
    return {name_of(engine) + ("read/" + std::to_string(count)), std::move(make), count, 0,
            calls(engine, count)};
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    using namespace parley::bench;
    std::vector<Operation> all;
    for (const Engine engine : {Engine::memory, Engine::rocksdb}) {
        for (const std::size_t count : {1, 8, 64, 512}) {
            all.push_back(submissions(engine, count));
            all.push_back(appends(engine, count));
            // A page that ends with the mailbox.
            all.push_back(reads(engine, count == 512 ? 500 : count == 64 ? 50 : count));
        }
    }
    return run(argc, argv, std::move(all));
}
