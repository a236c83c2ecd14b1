#include "adapters/rocksdb/reclaimer.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace parley::rocksdb {
namespace {

// Beyond it what waits is gathered into one range for each space.
constexpr std::size_t kMostWaiting = 4096;
constexpr int kRestFactor = 9;
// Ranges of mailboxes lie far apart: a few are compacted each by itself.
constexpr std::size_t kApart = 48;

}  // namespace

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
}

void Reclaimer::add(std::vector<mailbox::DeleteRange> ranges) {
    {
        const std::lock_guard lock(mutex_);
        std::move(ranges.begin(), ranges.end(), std::back_inserter(ranges_));
        ranges_ = at_most(std::move(ranges_), kMostWaiting);
        if (!thread_.joinable()) {
            thread_ = std::thread([this] { run(); });
        }
    }
    changed_.notify_one();
}

void Reclaimer::run() {
    using Clock = std::chrono::steady_clock;
    Clock::duration rest{};
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !ranges_.empty(); });
        changed_.wait_for(lock, std::max<Clock::duration>(gather_, rest),
                          [this] { return stopping_; });
        if (stopping_) {
            return;
        }
        auto ranges = std::exchange(ranges_, {});
        lock.unlock();
        const auto began = Clock::now();
        work_(std::move(ranges), cancelled_);
        rest = (Clock::now() - began) * kRestFactor;
        lock.lock();
    }
}

::rocksdb::Status rewrite(::rocksdb::DB& database,
                          const std::vector<::rocksdb::ColumnFamilyHandle*>& families,
                          std::vector<mailbox::DeleteRange> ranges, std::atomic<bool>& cancelled) {
    // The log that holds the bytes goes when all that is in it lies in tables; then the tables are
    // rewritten, from the youngest to the oldest that a range touches.
    ::rocksdb::Status status = database.Flush(::rocksdb::FlushOptions(), families);
    for (const mailbox::DeleteRange& range : at_most(std::move(ranges), kApart)) {
        if (!status.ok() || cancelled) {
            break;
        }
        ::rocksdb::CompactRangeOptions how;
        how.exclusive_manual_compaction = false;
        how.bottommost_level_compaction = ::rocksdb::BottommostLevelCompaction::kForceOptimized;
        how.canceled = &cancelled;
        const ::rocksdb::Slice from(range.from);
        const ::rocksdb::Slice to(range.to);
        status =
            database.CompactRange(how, families[static_cast<std::size_t>(range.space)], &from, &to);
    }
    return status;
}

std::vector<mailbox::DeleteRange> at_most(std::vector<mailbox::DeleteRange> ranges,
                                          std::size_t most) {
    if (ranges.size() <= most) {
        return ranges;
    }
    std::map<mailbox::Space, mailbox::DeleteRange> whole;
    for (mailbox::DeleteRange& range : ranges) {
        const auto [at, added] = whole.try_emplace(range.space, range);
        if (!added) {
            at->second.from = std::min(at->second.from, range.from);
            at->second.to = std::max(at->second.to, range.to);
        }
    }
    std::vector<mailbox::DeleteRange> few;
    for (auto& [space, range] : whole) {
        few.push_back(std::move(range));
    }
    return few;
}

}  // namespace parley::rocksdb
