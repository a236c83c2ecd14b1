#pragma once

#include "base/task.h"
#include "io/loop.h"
#include "mailbox/table.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace parley::rocksdb {

// The thread that writes commits, one at a time, so that no loop ever waits for a disk.
class CommitThread {
  public:
    using Write = UniqueFunction<Result<void>(const mailbox::Commit&)>;

    // `write` runs on the thread; answers are posted to `loop`, which outlives this.
    CommitThread(io::Loop& loop, Write write);
    CommitThread(const CommitThread&) = delete;
    CommitThread& operator=(const CommitThread&) = delete;
    // Finishes the commit under way.
    ~CommitThread();

    // At most one at a time.
    void hand_over(mailbox::Commit commit, mailbox::Table::CommitDone done);

  private:
    struct Order {
        mailbox::Commit commit;
        mailbox::Table::CommitDone done;
    };
    void run();

    io::Loop& loop_;
    Write write_;
    std::mutex mutex_;  // guards order_ and stopping_; nothing is called while it is held
    std::condition_variable changed_;
    std::optional<Order> order_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace parley::rocksdb
