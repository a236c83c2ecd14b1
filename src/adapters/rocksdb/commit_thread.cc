#include "adapters/rocksdb/commit_thread.h"

#include "base/assert.h"

#include <pthread.h>
#include <rocksdb/perf_level.h>
#include <signal.h>
#include <utility>

namespace parley::rocksdb {

CommitThread::CommitThread(io::Loop& loop, Write write) : loop_(loop), write_(std::move(write)) {
    // Signals are the program's business: they go to a thread that expects them.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CommitThread::~CommitThread() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void CommitThread::hand_over(mailbox::Commit commit, mailbox::Table::CommitDone done) {
    {
        const std::lock_guard lock(mutex_);
        PARLEY_ASSERT(!order_);
        order_.emplace(Order{std::move(commit), std::move(done)});
    }
    changed_.notify_one();
}

void CommitThread::run() {
    ::pthread_setname_np(::pthread_self(), "parley-commit");
    ::rocksdb::SetPerfLevel(::rocksdb::PerfLevel::kDisable);
    while (true) {
        std::optional<Order> order;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return order_ || stopping_; });
            if (!order_) {
                return;
            }
            order = std::exchange(order_, std::nullopt);
        }
        Result<void> outcome = write_(order->commit);
        loop_.post([done = std::move(order->done), outcome = std::move(outcome)]() mutable {
            done(std::move(outcome));
        });
    }
}

}  // namespace parley::rocksdb
