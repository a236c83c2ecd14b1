#pragma once

#include "base/task.h"
#include "mailbox/table.h"

#include <rocksdb/db.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace parley::rocksdb {

// Gathers ranges that were deleted for a while and has the engine rewrite the tables that they lie
// in, on a thread of its own that there is only once something was added. It works at most a tenth
// of the time: who erases a whole application must not keep the disk busy for everybody else.
class Reclaimer {
  public:
    // Runs on the thread. Ends soon once `cancelled`.
    using Work = UniqueFunction<void(std::vector<mailbox::DeleteRange> ranges,
                                     std::atomic<bool>& cancelled)>;

    Reclaimer(std::chrono::milliseconds gather, Work work)
        : gather_(gather), work_(std::move(work)) {}
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;
    // What waits is left to the engine's own compactions.
    ~Reclaimer();

    // Any thread.
    void add(std::vector<mailbox::DeleteRange> ranges);

  private:
    void run();

    const std::chrono::milliseconds gather_;
    Work work_;
    std::atomic<bool> cancelled_ = false;
    std::mutex mutex_;  // guards ranges_, stopping_ and thread_; nothing is called while it is held
    std::condition_variable changed_;
    std::vector<mailbox::DeleteRange> ranges_;
    bool stopping_ = false;
    std::thread thread_;
};

// Has the engine rewrite what holds these ranges; blocks. `families` in the order of the spaces.
::rocksdb::Status rewrite(::rocksdb::DB& database,
                          const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
                          std::vector<mailbox::DeleteRange> ranges, std::atomic<bool>& cancelled);

// The same keys or more in fewer ranges: if there are more than `most`, one for each space.
std::vector<mailbox::DeleteRange> at_most(std::vector<mailbox::DeleteRange> ranges,
                                          std::size_t most);

}  // namespace parley::rocksdb
