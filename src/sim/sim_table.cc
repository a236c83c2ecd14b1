#include "sim/sim_table.h"

#include "base/assert.h"

#include <fmt/format.h>

#include <utility>

namespace parley::sim {
namespace {

std::size_t index_of(mailbox::Space space) {
    return static_cast<std::size_t>(space);
}

// Like a real engine while compacting: from the value (mailbox/table.h).
WallTime stored_at(std::string_view value) {
    std::int64_t ms = 0;
    for (const char byte : value.substr(0, mailbox::kStoredAtBytes)) {
        ms = ms << 8 | static_cast<unsigned char>(byte);
    }
    return wall_time_from_ms(ms);
}

}  // namespace

void SimDisk::apply(const mailbox::Commit& commit) {
    for (const auto& range : commit.ranges) {
        auto& entries = contents_[index_of(range.space)];
        if (range.from < range.to) {
            entries.erase(entries.lower_bound(range.from), entries.lower_bound(range.to));
        }
    }
    for (const auto& gone : commit.deletes) {
        contents_[index_of(gone.space)].erase(gone.key);
    }
    for (const auto& put : commit.puts) {
        contents_[index_of(put.space)].insert_or_assign(put.key, put.value);
    }
    if (observer_ != nullptr) {
        observer_->durable(commit);
    }
}

void SimDisk::drop_before(mailbox::Space space, WallTime time) {
    PARLEY_ASSERT(mailbox::expires(space));
    std::erase_if(contents_[index_of(space)],
                  [time](const auto& entry) { return stored_at(entry.second) < time; });
}

void SimDisk::restore(Contents contents, Epoch epoch) {
    contents_ = std::move(contents);
    epoch_ = std::move(epoch);
    if (observer_ != nullptr) {
        observer_->restored();
    }
}

SimTable::SimTable(SimDisk& disk, Scheduler& scheduler, SimLoop& loop, std::uint64_t seed,
                   Trace& trace)
    : disk_(disk), scheduler_(scheduler), loop_(loop), random_(seed), trace_(trace) {}

SimTable::~SimTable() {
    stop();
}

Result<std::optional<Bytes>> SimTable::get(mailbox::Space space, std::string_view key) {
    const auto& entries = disk_.contents()[index_of(space)];
    const auto found = entries.find(key);
    return found == entries.end() ? std::optional<Bytes>() : std::optional(found->second);
}

Result<std::vector<std::optional<Bytes>>> SimTable::get_many(mailbox::Space space,
                                                             const std::vector<Bytes>& keys) {
    std::vector<std::optional<Bytes>> values;
    values.reserve(keys.size());
    for (const Bytes& key : keys) {
        values.push_back(get(space, key).value());
    }
    return values;
}

Result<std::vector<mailbox::Entry>> SimTable::scan(mailbox::Space space,
                                                   const mailbox::ScanOptions& options) {
    const auto& entries = disk_.contents()[index_of(space)];
    std::vector<mailbox::Entry> result;
    if (options.from >= options.to) {
        return result;
    }
    const auto from = entries.lower_bound(options.from);
    const auto to = entries.lower_bound(options.to);
    std::size_t bytes = 0;
    const auto take = [&](const auto& entry) {
        bytes += entry.first.size() + entry.second.size();
        if (!result.empty() && (result.size() >= options.entries || bytes > options.bytes)) {
            return false;
        }
        result.push_back({entry.first, entry.second});
        return true;
    };
    if (options.reverse) {
        for (auto at = to; at != from && take(*std::prev(at)); --at) {
        }
    } else {
        for (auto at = from; at != to && take(*at); ++at) {
        }
    }
    return result;
}

void SimTable::commit(mailbox::Commit commit, CommitDone done) {
    PARLEY_ASSERT(!under_way_);  // The contract: one at a time.
    ++commits_;
    if (stopped_) {
        return;
    }
    if (disk_.full) {
        trace_.note("disk.full", "server");
        loop_.post([done = std::move(done)]() mutable {
            done(unexpected(make_error(ErrorCode::server_error, "the disk is full")));
        });
        return;
    }
    under_way_ = std::move(commit);
    done_ = std::move(done);
    const Duration spread = disk_.flush_most - disk_.flush_least;
    flush_event_ = scheduler_.after(
        disk_.flush_least + Duration(random_.below(static_cast<std::uint64_t>(spread.count()) + 1)),
        [this] { flushed(); });
}

void SimTable::flushed() {
    flush_event_ = 0;
    const mailbox::Commit commit = std::move(*under_way_);
    under_way_.reset();
    if (std::exchange(disk_.fail_next_commit, false)) {
        trace_.note("disk.failed", "server");
        if (random_.chance(0.5)) {
            disk_.apply(commit);
        }
        answer(unexpected(make_error(ErrorCode::store_failed, "the flush failed")));
        return;
    }
    disk_.apply(commit);
    trace_.note("disk.flushed", "server",
                fmt::format("{} puts {} deletes", commit.puts.size(), commit.deletes.size()));
    for (std::size_t space = 0; space < mailbox::kSpaces; ++space) {
        // A compaction, whenever it likes.
        if (mailbox::expires(static_cast<mailbox::Space>(space)) && expire_before_[space] &&
            random_.chance(0.02)) {
            disk_.drop_before(static_cast<mailbox::Space>(space), *expire_before_[space]);
        }
    }
    answer({});
}

void SimTable::answer(Result<void> result) {
    loop_.post([done = std::move(done_), result = std::move(result)]() mutable {
        done(std::move(result));
    });
}

void SimTable::expire(mailbox::Space space, WallTime before) {
    auto& limit = expire_before_[index_of(space)];
    limit = std::max(limit.value_or(before), before);
}

Result<void> SimTable::backup(const std::string&) {
    return unexpected(make_error(ErrorCode::server_error, "the simulated disk has no folders"));
}

void SimTable::stop() {
    stopped_ = true;
    if (flush_event_ != 0) {
        scheduler_.cancel(std::exchange(flush_event_, 0));
        if (random_.chance(0.5)) {
            disk_.apply(*under_way_);
        }
        under_way_.reset();
    }
}

}  // namespace parley::sim
