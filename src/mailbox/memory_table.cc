#include "mailbox/memory_table.h"

#include "base/assert.h"
#include "base/try.h"

#include <algorithm>
#include <string>
#include <utility>

namespace parley::mailbox {

MemoryDisk MemoryDisk::copy(Epoch epoch) const {
    MemoryDisk other(std::move(epoch));
    other.spaces_ = spaces_;
    return other;
}

void MemoryDisk::apply(const Commit& commit) {
    for (const Delete& one : commit.deletes) {
        spaces_[index(one.space)].erase(one.key);
    }
    for (const DeleteRange& range : commit.ranges) {
        Ordered& space = spaces_[index(range.space)];
        if (range.from < range.to) {
            space.erase(space.lower_bound(range.from), space.lower_bound(range.to));
        }
    }
    for (const Put& put : commit.puts) {
        spaces_[index(put.space)].insert_or_assign(put.key, Value{put.value, put.stored_at});
    }
}

MemoryTable::MemoryTable(MemoryDisk& disk, io::Loop& loop, Options options)
    : disk_(disk), loop_(loop), options_(options) {}

MemoryTable::~MemoryTable() = default;

void MemoryTable::fail_commit(std::size_t n, Failure failure) {
    failing_commit_ = commits_ + n;
    failure_ = failure;
}

void MemoryTable::fail_read(std::size_t n) {
    failing_read_ = reads_ + n;
}

void MemoryTable::keep_commit_under_way() {
    if (under_way_) {
        disk_.apply(under_way_->commit);
    }
}

Result<void> MemoryTable::count_read() {
    if (++reads_ == failing_read_) {
        return unexpected(make_error(ErrorCode::store_failed,
                                     "the table in memory was told to fail this reading"));
    }
    return {};
}

Result<void> MemoryTable::check_damage(Space space, std::string_view from,
                                       std::string_view last) const {
    for (const auto& [where, key] : damaged_) {
        if (where == space && from <= key && key <= last) {
            return unexpected(make_error(ErrorCode::store_failed,
                                         "the table in memory has a damaged key in space " +
                                             std::to_string(MemoryDisk::index(space))));
        }
    }
    return {};
}

Result<std::optional<Bytes>> MemoryTable::get(Space space, std::string_view key) {
    PARLEY_CHECK(count_read());
    PARLEY_CHECK(check_damage(space, key, key));
    const auto& contents = disk_.spaces_[MemoryDisk::index(space)];
    const auto found = contents.find(key);
    if (found == contents.end()) {
        return std::optional<Bytes>();
    }
    return std::optional<Bytes>(found->second.bytes);
}

Result<std::vector<std::optional<Bytes>>> MemoryTable::get_many(Space space,
                                                                const std::vector<Bytes>& keys) {
    PARLEY_CHECK(count_read());
    const auto& contents = disk_.spaces_[MemoryDisk::index(space)];
    std::vector<std::optional<Bytes>> values;
    values.reserve(keys.size());
    for (const Bytes& key : keys) {
        PARLEY_CHECK(check_damage(space, key, key));
        const auto found = contents.find(key);
        values.push_back(found == contents.end() ? std::nullopt
                                                 : std::optional(found->second.bytes));
    }
    return values;
}

Result<std::vector<Entry>> MemoryTable::scan(Space space, const ScanOptions& options) {
    PARLEY_CHECK(count_read());
    std::vector<Entry> entries;
    if (options.from >= options.to) {
        return entries;
    }
    const auto& contents = disk_.spaces_[MemoryDisk::index(space)];
    std::size_t bytes = 0;
    const auto take = [&](const auto& item) {
        bytes += item.first.size() + item.second.bytes.size();
        if (entries.size() == options.entries || (!entries.empty() && bytes > options.bytes)) {
            return false;
        }
        entries.push_back(Entry{item.first, item.second.bytes});
        return true;
    };
    const auto begin = contents.lower_bound(options.from);
    auto end = contents.lower_bound(options.to);
    if (options.reverse) {
        while (end != begin && take(*--end)) {
        }
    } else {
        for (auto at = begin; at != end && take(*at); ++at) {
        }
    }
    if (!entries.empty()) {
        const auto [first, last] = std::minmax(entries.front().key, entries.back().key);
        PARLEY_CHECK(check_damage(space, first, last));
    } else {
        // An engine passes over what was deleted, too.
        PARLEY_CHECK(check_damage(space, options.from, options.to));
    }
    return entries;
}

void MemoryTable::commit(Commit commit, CommitDone done) {
    PARLEY_ASSERT(!under_way_);
    ++commits_;
    std::optional<Failure> failure;
    if (commits_ == failing_commit_) {
        failure = failure_;
    } else if (full_) {
        failure = Failure::refused;
    }
    under_way_.emplace(UnderWay{std::move(commit), std::move(done), failure});
    timer_ = loop_.call_at(loop_.now() + options_.commit_delay, [this] { finish_commit(); });
}

void MemoryTable::go_on() {
    hangs_ = false;
    if (std::exchange(waits_for_go_on_, false)) {
        timer_ = loop_.call_at(loop_.now(), [this] { finish_commit(); });
    }
}

void MemoryTable::finish_commit() {
    if (hangs_) {
        waits_for_go_on_ = true;
        return;
    }
    UnderWay finished = std::move(*under_way_);
    under_way_.reset();
    if (!finished.failure || *finished.failure == Failure::applied) {
        disk_.apply(finished.commit);
    }
    if (!finished.failure) {
        finished.done({});
    } else if (*finished.failure == Failure::refused) {
        finished.done(
            unexpected(make_error(ErrorCode::server_error, "the table in memory is full")));
    } else {
        finished.done(unexpected(make_error(ErrorCode::store_failed,
                                            "the table in memory was told to fail this commit")));
    }
}

void MemoryTable::expire(Space space, WallTime before) {
    WallTime& expired = expired_[MemoryDisk::index(space)];
    expired = std::max(expired, before);
    if (options_.expire_at_once) {
        std::erase_if(disk_.spaces_[MemoryDisk::index(space)],
                      [before](const auto& entry) { return entry.second.stored_at < before; });
    }
}

Result<void> MemoryTable::backup(const std::string&) {
    return unexpected(
        make_error(ErrorCode::store_failed,
                   "a table in memory has no folder to copy; use MemoryDisk::copy()"));
}

}  // namespace parley::mailbox
