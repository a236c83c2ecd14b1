#pragma once

#include "base/log.h"
#include "base/task.h"
#include "mailbox/table.h"

#include <rocksdb/db.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace parley::rocksdb {

// Has the engine rewrite the tables that deleted ranges lie in, one range after the other, on a
// thread of its own that there is only once something was added. It works at most a tenth of the
// time: who erases a whole application must not keep the disk busy for everybody else. What it
// leaves out it tells in the log; the engine's own compactions come to that with time.
class Reclaimer {
  public:
    using Clock = std::chrono::steady_clock;
    struct Options {
        // Between the first range that is added and the work on it.
        std::chrono::milliseconds gather{5000};
        // Until a range is tried again that was put back.
        std::chrono::milliseconds retry{60'000};
        // Ranges that may wait. More are left out.
        std::size_t most_waiting = 4096;
    };
    enum class Outcome {
        done,
        later,  // the range is put back
        never,
    };
    struct Worked {
        Outcome outcome = Outcome::done;
        std::string why;  // it is not done
    };
    // Runs on the thread. `fresh`: ranges were added since a call that did not answer `later`. Ends
    // soon once `cancelled`.
    using Work = UniqueFunction<Worked(const mailbox::DeleteRange& range, bool fresh,
                                       std::atomic<bool>& cancelled)>;

    Reclaimer(const Options& options, const Logger& log, Work work)
        : options_(options), log_(log), work_(std::move(work)) {}
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;
    // Cancels the work under way and leaves out what waits.
    ~Reclaimer();

    // Any thread.
    void add(std::vector<mailbox::DeleteRange> ranges);

    // When the next range may be worked on, after one that was from `began` to `ended`.
    static Clock::time_point rested(Clock::time_point began, Clock::time_point ended) {
        constexpr int kRest = 9;
        return ended + (ended - began) * kRest;
    }

  private:
    void run();
    void tell(const Worked& worked);

    const Options options_;
    const Logger log_;
    Work work_;
    std::string told_;  // why it was not done last; of the thread alone
    std::atomic<bool> cancelled_ = false;
    // Guards what follows; nothing is called while it is held.
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<mailbox::DeleteRange> ranges_;
    bool fresh_ = false;
    bool overflowed_ = false;  // told; until nothing waits any more
    bool stopping_ = false;
    std::thread thread_;
};

// The engine rewrites so many bytes at a time, or less, and needs the room meanwhile.
std::uint64_t room_to_rewrite(::rocksdb::DB& database);
// Has the engine rewrite what holds this range; blocks. `flush`: what was written last, too.
// `families` in the order of the spaces.
::rocksdb::Status rewrite(::rocksdb::DB& database,
                          const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
                          const mailbox::DeleteRange& range, bool flush,
                          std::atomic<bool>& cancelled);

}  // namespace parley::rocksdb
