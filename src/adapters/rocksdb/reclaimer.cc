#include "adapters/rocksdb/reclaimer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace parley::rocksdb {

Reclaimer::~Reclaimer() {
    cancelled_ = true;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
    if (!ranges_.empty()) {
        log_.info("store.not_reclaimed",
                  {{"why", "the store is closed"}, {"ranges", std::uint64_t{ranges_.size()}}});
    }
}

void Reclaimer::add(std::vector<mailbox::DeleteRange> ranges) {
    bool overflows = false;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t room =
            options_.most_waiting - std::min(options_.most_waiting, ranges_.size());
        const std::size_t taken = std::min(room, ranges.size());
        std::move(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(taken),
                  std::back_inserter(ranges_));
        fresh_ = true;
        if (taken < ranges.size()) {
            overflows = !std::exchange(overflowed_, true);
        }
        if (!thread_.joinable()) {
            thread_ = std::thread([this] { run(); });
        }
    }
    changed_.notify_one();
    if (overflows) {
        log_.warn("store.not_reclaimed",
                  {{"why", "too much was erased at once; what is too much is left out"},
                   {"ranges", std::uint64_t{options_.most_waiting}}});
    }
}

void Reclaimer::run() {
    Clock::time_point not_before =
        Clock::now() + options_.gather;  // of those that began this thread
    const auto stopping = [this] { return stopping_; };
    std::unique_lock lock(mutex_);
    for (;;) {
        if (ranges_.empty()) {
            overflowed_ = false;
            changed_.wait(lock, [this] { return stopping_ || !ranges_.empty(); });
            not_before = std::max(not_before, Clock::now() + options_.gather);
        }
        if (changed_.wait_until(lock, not_before, stopping)) {
            return;
        }
        mailbox::DeleteRange range = std::move(ranges_.front());
        ranges_.pop_front();
        const bool fresh = std::exchange(fresh_, false);
        lock.unlock();
        const auto began = Clock::now();
        const Worked worked = work_(range, fresh, cancelled_);
        const auto ended = Clock::now();
        not_before = rested(began, ended);
        tell(worked);
        lock.lock();
        if (worked.outcome == Outcome::later) {
            not_before = std::max(not_before, ended + options_.retry);
            ranges_.push_back(std::move(range));
            fresh_ = fresh_ || fresh;
        }
    }
}

// Once, not for each range that meets the same.
void Reclaimer::tell(const Worked& worked) {
    if (cancelled_) {
        return;
    }
    if (worked.outcome != Outcome::done && worked.why != told_) {
        log_.warn("store.not_reclaimed", {{"why", worked.why}});
    }
    told_ = worked.why;
}

std::uint64_t room_to_rewrite(::rocksdb::DB& database) {
    constexpr std::uint64_t kAtOnce = 2ull << 30;
    std::uint64_t tables = 0;
    database.GetAggregatedIntProperty(::rocksdb::DB::Properties::kLiveSstFilesSize, &tables);
    return std::min(tables, kAtOnce);
}

::rocksdb::Status rewrite(::rocksdb::DB& database,
                          const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
                          const mailbox::DeleteRange& range, bool flush,
                          std::atomic<bool>& cancelled) {
    // The log that holds the bytes goes when all that is in it lies in tables; then the tables are
    // rewritten, from the youngest to the oldest that the range touches.
    if (flush) {
        ::rocksdb::Status flushed = database.Flush(::rocksdb::FlushOptions(), families);
        if (!flushed.ok()) {
            return flushed;
        }
    }
    ::rocksdb::CompactRangeOptions how;
    how.exclusive_manual_compaction = false;
    how.bottommost_level_compaction = ::rocksdb::BottommostLevelCompaction::kForceOptimized;
    how.canceled = &cancelled;
    const ::rocksdb::Slice from(range.from);
    const ::rocksdb::Slice to(range.to);
    return database.CompactRange(how, families[static_cast<std::size_t>(range.space)], &from, &to);
}

}  // namespace parley::rocksdb
