// The store over years, in minutes: how long a start takes on a large store, and what reclaiming
// costs the appends that come meanwhile. Recipe and figures: docs/internals/store.md.
//
//   store_life fill FOLDER EVENTS MAILBOXES [kill]   fills a store; with "kill" it ends like kill
//   -9 store_life start FOLDER                          opens it and says how long that took
//   store_life reclaim FOLDER SECONDS RATE           appends at a rate, before, while and after all
//                                                    that was filled expires and is reclaimed
#include "adapters/rocksdb/rocks_table.h"
#include "adapters/rocksdb/testing/hand_loop.h"
#include "mailbox/log_store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace parley {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

class Life {
  public:
    explicit Life(const std::string& folder) {
        const auto begin = Clock::now();
        auto table = rocksdb::RocksTable::open(folder, loop_);
        if (!table) {
            std::fprintf(stderr, "%s\n", table.error().description.c_str());
            std::exit(1);
        }
        table_ = std::move(*table);
        const double engine = ms_since(begin);
        mailbox::LogStoreOptions options;
        options.quota_pending_bytes = options.quota_retained_bytes = 0;
        options.hold_for_unknown = true;
        options.on_fatal = [](const Error&) { std::abort(); };
        store_ =
            mailbox::LogStore::open(*table_, loop_, clock_, std::move(options), Logger(null_log()))
                .value();
        door_ = store_->door(loop_);
        std::printf("open: engine %.0f ms, all %.0f ms\n", engine, ms_since(begin));
    }

    void fill(std::size_t events, std::size_t mailboxes) {
        const auto begin = Clock::now();
        for (std::size_t i = 0; i < events;) {
            std::vector<mailbox::Append> appends;
            for (; appends.size() < 4096 && i < events; ++i) {
                // Bodies of their own now and then, so that days of them are reclaimed too.
                appends.push_back(append(i, i * 7919 % mailboxes, i % 64 == 0 ? large_ : small_));
            }
            run(std::move(appends));
            loop_.advance(std::chrono::milliseconds(4));
            if (i % (4096 * 256) == 0) {
                std::printf("%zu events, %.0f s\n", i, ms_since(begin) / 1000);
            }
        }
        say("filled");
    }

    // Latencies of single appends at a rate, for a while.
    void append_for(const char* what, int seconds, int rate) {
        std::vector<double> latencies;
        const auto begin = Clock::now();
        auto due = begin;
        while (ms_since(begin) < seconds * 1000.0) {
            std::this_thread::sleep_until(due);
            due += std::chrono::microseconds(1'000'000 / rate);
            std::vector<mailbox::Append> one;
            one.push_back(append(next_, next_ % 1000, small_));
            ++next_;
            const auto started = Clock::now();
            run(std::move(one));
            latencies.push_back(ms_since(started));
        }
        std::sort(latencies.begin(), latencies.end());
        const auto at = [&](double share) {
            return latencies[static_cast<std::size_t>(share *
                                                      static_cast<double>(latencies.size() - 1))];
        };
        std::printf("%-18s %6zu appends, ms: p50 %.2f, p99 %.2f, p99.9 %.2f, max %.2f\n", what,
                    latencies.size(), at(0.5), at(0.99), at(0.999), at(1));
        say(what);
    }

    void reclaim(int seconds, int rate) {
        append_for("before", seconds, rate);
        // The retention passes, a day and a half at a time: a leap would not be believed (R17).
        for (int i = 0; i < 80; ++i) {
            loop_.advance(std::chrono::hours(12));
            std::vector<mailbox::Append> one;
            one.push_back(append(next_, 0, small_));
            ++next_;
            run(std::move(one));
        }
        bool reclaimed = false;
        const auto begin = Clock::now();
        std::thread reclaiming([&] {
            if (!table_->compact()) {
                std::abort();
            }
            std::printf("reclaimed in %.1f s\n", ms_since(begin) / 1000);
            reclaimed = true;
        });
        append_for("while reclaiming", seconds, rate);
        reclaiming.join();
        append_for("after", seconds, rate);
    }

    void say(const char* what) const {
        const mailbox::TableNumbers numbers = table_->numbers();
        std::printf("%-18s tables %llu MiB, log %llu MiB, memory %llu MiB\n", what,
                    static_cast<unsigned long long>(numbers.table_bytes >> 20),
                    static_cast<unsigned long long>(numbers.log_bytes >> 20),
                    static_cast<unsigned long long>(numbers.memory_bytes >> 20));
        std::fflush(stdout);
    }

  private:
    mailbox::Append append(std::size_t n, std::size_t mailbox, const SharedBytes& body) {
        mailbox::AppendKey key{};
        const std::uint64_t low = (n + 1) * 0x9e3779b97f4a7c15ull;
        const std::uint64_t high = (n + 1) * 0xc2b2ae3d27d4eb4full;
        std::memcpy(key.data(), &low, 8);
        std::memcpy(key.data() + 8, &high, 8);
        return {{ApplicationKey("app"), UserId("user-" + std::to_string(mailbox))},
                key,
                mailbox::Needs::nothing,
                bytes_,
                body};
    }
    void run(std::vector<mailbox::Append> appends) {
        bool answered = false;
        door_->append(std::move(appends), [&](const std::vector<mailbox::Appended>& answers) {
            answered = true;
            if (answers.front().outcome != mailbox::Outcome::stored) {
                std::abort();
            }
        });
        loop_.run_while([&] { return !answered; });
    }

    rocksdb::HandLoop loop_;
    rocksdb::HandClock clock_{loop_};
    SharedBytes bytes_ = std::make_shared<const Bytes>(80, 'b');
    SharedBytes small_ = std::make_shared<const Bytes>(100, 't');
    SharedBytes large_ = std::make_shared<const Bytes>(2000, 'T');
    std::size_t next_ = 1ull << 40;
    std::unique_ptr<rocksdb::RocksTable> table_;
    std::unique_ptr<mailbox::LogStore> store_;
    std::unique_ptr<mailbox::Store> door_;
};

int run(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "fill" && argc >= 5) {
        Life life(argv[2]);
        life.fill(std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10));
        if (argc > 5) {
            ::_exit(0);
        }
    } else if (what == "start" && argc == 3) {
        Life(argv[2]).say("started");
    } else if (what == "reclaim" && argc == 5) {
        Life(argv[2]).reclaim(std::atoi(argv[3]), std::atoi(argv[4]));
    } else {
        std::fputs(
            "usage: store_life fill FOLDER EVENTS MAILBOXES [kill] | start FOLDER | reclaim "
            "FOLDER SECONDS RATE\n",
            stderr);
        return 2;
    }
    return 0;
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
    return parley::run(argc, argv);
}
