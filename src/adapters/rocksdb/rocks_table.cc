#include "adapters/rocksdb/rocks_table.h"

#include "adapters/rocksdb/folder.h"
#include "adapters/rocksdb/log_file.h"
#include "adapters/rocksdb/put_order.h"
#include "adapters/rocksdb/reclaimer.h"
#include "adapters/rocksdb/trouble.h"
#include "adapters/rocksdb/tuning.h"
#include "base/try.h"

#include <rocksdb/db.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <exception>
#include <utility>

namespace parley::rocksdb {
namespace {

using mailbox::Commit;
using mailbox::Entry;
using mailbox::ScanOptions;
using mailbox::Space;
using ::rocksdb::Slice;
using ::rocksdb::Status;

// A folder that is only read gets no log of the engine.
class NoLog final : public ::rocksdb::Logger {
  public:
    using ::rocksdb::Logger::Logv;
    void Logv(const char*, va_list) override {}
};

class TableOnRocks final : public RocksTable {
  public:
    TableOnRocks(std::string folder, const RocksTableOptions& options, Epoch epoch,
                 std::optional<FolderLock> lock, const Logger& log)
        : folder_(std::move(folder)),
          options_(options),
          epoch_(std::move(epoch)),
          lock_(std::move(lock)),
          log_(log) {}
    TableOnRocks(const TableOnRocks&) = delete;
    TableOnRocks& operator=(const TableOnRocks&) = delete;
    ~TableOnRocks() override { close(); }

    Result<void> start(io::Loop& loop);
    Result<void> start_to_read() { return open_engine(true); }

    Result<std::optional<Bytes>> get(Space space, std::string_view key) override;
    Result<std::vector<std::optional<Bytes>>> get_many(Space space,
                                                       const std::vector<Bytes>& keys) override;
    Result<std::vector<Entry>> scan(Space space, const ScanOptions& options) override;
    void commit(Commit commit, CommitDone done) override {
        // Nothing on the store's loop could go on without the answer: while it waits for the disk
        // the next batch gathers. A thread of its own would cost two wake-ups for each commit.
        loop_->post([done = std::move(done), outcome = write(commit)]() mutable {
            done(std::move(outcome));
        });
    }
    void expire(Space space, WallTime before) override;
    void reclaim(std::vector<mailbox::DeleteRange> ranges) override {
        reclaimer_->add(std::move(ranges));
    }
    const Epoch& epoch() const override { return epoch_; }
    Result<void> backup(const std::string& folder) override;
    Result<void> compact() override;
    mailbox::TableNumbers numbers() const override;
    bool has_room() const override { return !trouble_->waits_for_room() && check_room(); }
    std::optional<std::string> trouble() const override;
    std::vector<std::string> files() const override;

  private:
    Result<void> open_engine(bool to_read);
    Result<void> write(const Commit& commit);
    Result<void> check_room() const;
    Result<void> check_engine();
    Reclaimer::Worked reclaim_now(const mailbox::DeleteRange& range, bool fresh,
                                  std::atomic<bool>& cancelled);
    void close();
    ::rocksdb::ColumnFamilyHandle* family(Space space) const {
        return families_[static_cast<std::size_t>(space)];
    }
    std::string engine_folder() const { return folder_ + "/rocksdb"; }
    // RocksDB's words name the file where it knows it.
    Error failed(const Status& status) const {
        return make_error(ErrorCode::store_failed, engine_folder() + ": " + status.ToString());
    }

    // RocksDB reports by Status; what it throws all the same (no memory, an assertion of the
    // library) ends here.
    template <typename Call>
    auto guarded(Call call) const -> decltype(call()) {
        try {
            return call();
        } catch (const std::exception& thrown) {
            return unexpected(
                make_error(ErrorCode::store_failed, engine_folder() + ": " + thrown.what()));
        }
    }

    const std::string folder_;
    const RocksTableOptions options_;
    const Epoch epoch_;
    const std::optional<FolderLock> lock_;
    const Logger log_;
    const std::shared_ptr<Trouble> trouble_ = std::make_shared<Trouble>();
    ExpiryTimes expiry_{};
    std::vector<std::unique_ptr<::rocksdb::CompactionFilter>> filters_;
    std::unique_ptr<::rocksdb::DB> database_;
    std::vector<::rocksdb::ColumnFamilyHandle*> families_;
    io::Loop* loop_ = nullptr;  // the store's; null when opened to read
    std::unique_ptr<Reclaimer> reclaimer_;
};

Result<void> TableOnRocks::open_engine(bool to_read) {
    return guarded([&]() -> Result<void> {
        const auto families = column_families(options_, expiry_, filters_);
        ::rocksdb::DBOptions how = database_options(options_);
        how.listeners.push_back(trouble_);
        if (to_read) {
            how.info_log = std::make_shared<NoLog>();
        }
        ::rocksdb::DB* database = nullptr;
        const auto open = [&] {
            return to_read
                       ? ::rocksdb::DB::OpenForReadOnly(how, engine_folder(), families, &families_,
                                                        &database)
                       : ::rocksdb::DB::Open(how, engine_folder(), families, &families_, &database);
        };
        Status status = open();
        if (status.IsCorruption()) {
            PARLEY_TRY(const auto cut, judge_damaged_log(engine_folder()));
            if (cut) {
                log_.warn("store.log_cut", {{"what", *cut}});
                // Up to the damage, behind which there is nothing that was flushed.
                how.wal_recovery_mode = ::rocksdb::WALRecoveryMode::kPointInTimeRecovery;
                status = open();
            }
        }
        if (!status.ok()) {
            return unexpected(failed(status));
        }
        database_.reset(database);
        return {};
    });
}

Result<void> TableOnRocks::start(io::Loop& loop) {
    if (auto opened = open_engine(false); !opened) {
        Error error = std::move(opened).error();
        // A wrong owner is no damage.
        error.description +=
            error.description.find("Permission denied") != std::string::npos
                ? "; give all of the data folder to the user that the server runs as (chown -R)"
                : "; look at the disk (parleyd verify names what is damaged), keep this folder, "
                  "and restore a backup into a new one";
        return unexpected(std::move(error));
    }
    loop_ = &loop;
    reclaimer_ = std::make_unique<Reclaimer>(
        Reclaimer::Options{.gather = options_.reclaim_delay, .retry = options_.reclaim_retry}, log_,
        [this](const mailbox::DeleteRange& range, bool fresh, std::atomic<bool>& cancelled) {
            return reclaim_now(range, fresh, cancelled);
        });
    return {};
}

void TableOnRocks::close() {
    reclaimer_.reset();
    if (!database_) {
        return;
    }
    (void)guarded([&]() -> Result<void> {
        // The next start then has no log to replay. Without it nothing is lost; where there is no
        // room for it the engine may fail an assertion of its own.
        if (check_room()) {
            (void)database_->Flush(::rocksdb::FlushOptions(), families_);
        }
        for (::rocksdb::ColumnFamilyHandle* one : families_) {
            (void)database_->DestroyColumnFamilyHandle(one);
        }
        (void)database_->Close();
        database_.reset();
        return {};
    });
}

Result<std::optional<Bytes>> TableOnRocks::get(Space space, std::string_view key) {
    return guarded([&]() -> Result<std::optional<Bytes>> {
        Bytes value;
        const Status status =
            database_->Get({}, family(space), Slice(key.data(), key.size()), &value);
        if (status.IsNotFound()) {
            return std::optional<Bytes>();
        }
        if (!status.ok()) {
            return unexpected(failed(status));
        }
        return std::optional<Bytes>(std::move(value));
    });
}

Result<std::vector<std::optional<Bytes>>> TableOnRocks::get_many(Space space,
                                                                 const std::vector<Bytes>& keys) {
    return guarded([&]() -> Result<std::vector<std::optional<Bytes>>> {
        std::vector<Slice> slices(keys.begin(), keys.end());
        std::vector<::rocksdb::PinnableSlice> found(keys.size());
        std::vector<Status> statuses(keys.size());
        database_->MultiGet({}, family(space), keys.size(), slices.data(), found.data(),
                            statuses.data());
        std::vector<std::optional<Bytes>> values(keys.size());
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (statuses[i].ok()) {
                values[i].emplace(found[i].data(), found[i].size());
            } else if (!statuses[i].IsNotFound()) {
                return unexpected(failed(statuses[i]));
            }
        }
        return values;
    });
}

Result<std::vector<Entry>> TableOnRocks::scan(Space space, const ScanOptions& options) {
    return guarded([&]() -> Result<std::vector<Entry>> {
        std::vector<Entry> entries;
        if (options.from >= options.to) {
            return entries;
        }
        const Slice from(options.from);
        const Slice to(options.to);
        ::rocksdb::ReadOptions read;
        read.iterate_lower_bound = &from;
        read.iterate_upper_bound = &to;
        const std::unique_ptr<::rocksdb::Iterator> at(database_->NewIterator(read, family(space)));
        options.reverse ? at->SeekToLast() : at->SeekToFirst();
        std::size_t bytes = 0;
        while (at->Valid() && entries.size() < options.entries) {
            bytes += at->key().size() + at->value().size();
            if (!entries.empty() && bytes > options.bytes) {
                break;
            }
            entries.push_back({at->key().ToString(), at->value().ToString()});
            options.reverse ? at->Prev() : at->Next();
        }
        if (!at->status().ok()) {
            return unexpected(failed(at->status()));
        }
        return entries;
    });
}

Result<void> TableOnRocks::write(const Commit& commit) {
    PARLEY_CHECK(check_room());
    PARLEY_CHECK(check_engine());
    // Its counters of each thread cost a tenth of an insertion, and nobody reads them.
    ::rocksdb::SetPerfLevel(::rocksdb::PerfLevel::kDisable);
    return guarded([&]() -> Result<void> {
        ::rocksdb::WriteBatch batch;
        const auto add = [](Status& first, const Status& next) {
            if (first.ok() && !next.ok()) {
                first = next;
            }
        };
        Status status;
        for (const mailbox::Delete& one : commit.deletes) {
            add(status, batch.Delete(family(one.space), one.key));
        }
        for (const mailbox::DeleteRange& range : commit.ranges) {
            if (range.from < range.to) {
                add(status, batch.DeleteRange(family(range.space), range.from, range.to));
            }
        }
        for (const mailbox::Put* put : in_order(commit.puts)) {
            add(status, batch.Put(family(put->space), put->key, put->value));
        }
        if (status.ok()) {
            ::rocksdb::WriteOptions options;
            options.sync = true;  // R1: one fdatasync of the log before anything is said
            status = database_->Write(options, &batch);
        }
        if (!status.ok()) {
            return unexpected(failed(status));
        }
        return {};
    });
}

// Judged before the engine is touched: a write that it fails cannot be taken back. Any thread.
Result<void> TableOnRocks::check_room() const {
    auto free = free_bytes(folder_);
    if (!free) {
        return unexpected(make_error(ErrorCode::server_error, free.error().description));
    }
    std::uint64_t wanted = options_.free_space_reserve;
    // What lies in memory will want room for its tables. Asked only where it can matter.
    if (*free < wanted + 3 * mailbox::kSpaces * options_.write_buffer_bytes) {
        std::uint64_t in_memory = 0;
        database_->GetAggregatedIntProperty(::rocksdb::DB::Properties::kCurSizeAllMemTables,
                                            &in_memory);
        wanted += in_memory;
    }
    if (*free >= wanted) {
        return {};
    }
    return unexpected(make_error(ErrorCode::server_error,
                                 folder_ + ": " + std::to_string(*free >> 20) +
                                     " MiB are free on its file system, " +
                                     std::to_string(wanted >> 20) +
                                     " MiB are wanted; nothing is stored until there is room"));
}

// Judged there too: what its own work in the background has met.
Result<void> TableOnRocks::check_engine() {
    for (const std::string& name : trouble_->take_stopped()) {
        for (::rocksdb::ColumnFamilyHandle* one : families_) {
            if (one->GetName() == name) {
                (void)database_->SetOptions(one, {{"disable_auto_compactions", "true"}});
            }
        }
    }
    if (!trouble_->waits_for_room()) {
        return {};
    }
    if (const Status resumed = database_->Resume(); !resumed.ok()) {
        return unexpected(make_error(
            ErrorCode::server_error,
            engine_folder() + ": " + resumed.ToString() + "; nothing is stored until it has room"));
    }
    trouble_->has_room();
    return {};
}

std::optional<std::string> TableOnRocks::trouble() const {
    auto damage = trouble_->damage();
    if (damage) {
        *damage +=
            "; compacting stopped, so that nothing more is reclaimed there; see what can be "
            "read with parleyd verify, and restore a backup";
    }
    return damage;
}

std::vector<std::string> TableOnRocks::files() const {
    std::vector<::rocksdb::LiveFileMetaData> live;
    database_->GetLiveFilesMetaData(&live);
    std::vector<std::string> files;
    for (const ::rocksdb::LiveFileMetaData& file : live) {
        files.push_back(engine_folder() + "/" + file.relative_filename);
    }
    return files;
}

void TableOnRocks::expire(Space space, WallTime before) {
    std::atomic<std::int64_t>& time = expiry_[static_cast<std::size_t>(space)];
    std::int64_t seen = time.load(std::memory_order_relaxed);
    while (seen < to_ms(before) && !time.compare_exchange_weak(seen, to_ms(before))) {
    }
}

Result<void> TableOnRocks::backup(const std::string& folder) {
    return guarded([&]() -> Result<void> {
        PARLEY_CHECK(make_folder(folder));
        ::rocksdb::Checkpoint* made = nullptr;
        Status status = ::rocksdb::Checkpoint::Create(database_.get(), &made);
        const std::unique_ptr<::rocksdb::Checkpoint> checkpoint(made);
        if (status.ok()) {
            status = checkpoint->CreateCheckpoint(folder + "/rocksdb");
        }
        if (!status.ok()) {
            return unexpected(
                make_error(ErrorCode::store_failed, folder + ": " + status.ToString()));
        }
        return sync_folder(folder);
    });
}

Result<void> TableOnRocks::compact() {
    return guarded([&]() -> Result<void> {
        ::rocksdb::CompactRangeOptions options;
        options.bottommost_level_compaction = ::rocksdb::BottommostLevelCompaction::kForce;
        for (::rocksdb::ColumnFamilyHandle* one : families_) {
            const Status status = database_->CompactRange(options, one, nullptr, nullptr);
            if (!status.ok()) {
                return unexpected(failed(status));
            }
        }
        return {};
    });
}

// On the reclaimer's thread. Where damage is known no compaction meets it again.
Reclaimer::Worked TableOnRocks::reclaim_now(const mailbox::DeleteRange& range, bool fresh,
                                            std::atomic<bool>& cancelled) {
    if (trouble_->damage()) {
        return {Reclaimer::Outcome::never, "the store is damaged"};
    }
    const auto status = guarded([&]() -> Result<Status> {
        PARLEY_TRY(const std::uint64_t free, free_bytes(folder_));
        const bool room = free >= options_.free_space_reserve + room_to_rewrite(*database_);
        return room && check_room() ? rewrite(*database_, families_, range, fresh, cancelled)
                                    : Status::NoSpace();
    });
    if (!status) {
        return {Reclaimer::Outcome::never, status.error().description};
    }
    if (cancelled) {
        return {Reclaimer::Outcome::later, ""};
    }
    if (status->IsNoSpace() || trouble_->waits_for_room()) {
        return {Reclaimer::Outcome::later, "there is too little room; it is tried again"};
    }
    return status->ok() ? Reclaimer::Worked()
                        : Reclaimer::Worked{Reclaimer::Outcome::never, failed(*status).description};
}

// Whole files are counted as expired by the oldest that they can hold.
mailbox::TableNumbers TableOnRocks::numbers() const {
    using Properties = ::rocksdb::DB::Properties;
    mailbox::TableNumbers numbers;
    const auto ask = [&](const std::string& property) {
        std::uint64_t value = 0;
        database_->GetAggregatedIntProperty(property, &value);
        return value;
    };
    numbers.table_bytes = ask(Properties::kLiveSstFilesSize);
    numbers.memory_bytes = ask(Properties::kSizeAllMemTables);
    numbers.compaction_bytes = ask(Properties::kEstimatePendingCompactionBytes);
    std::uint64_t value = 0;
    database_->GetIntProperty(Properties::kBackgroundErrors, &numbers.background_errors);
    database_->GetIntProperty(Properties::kIsWriteStopped, &value);
    numbers.stalled = value != 0;
    numbers.log_bytes = log_bytes(engine_folder());
    numbers.free_bytes = free_bytes(folder_).value_or(0);
    std::vector<::rocksdb::LiveFileMetaData> files;
    database_->GetLiveFilesMetaData(&files);
    for (const ::rocksdb::LiveFileMetaData& file : files) {
        for (std::size_t i = 0; i < mailbox::kSpaces; ++i) {
            const auto space = static_cast<Space>(i);
            if (!mailbox::expires(space) || families_[i]->GetName() != file.column_family_name) {
                continue;
            }
            const auto oldest =
                wall_time_from_ms(static_cast<std::int64_t>(file.oldest_ancester_time) * 1000);
            if (to_ms(oldest) < expiry_[i].load(std::memory_order_relaxed)) {
                numbers.expired_bytes += file.size;
            }
            if (space == Space::events &&
                (numbers.oldest_event == WallTime() || oldest < numbers.oldest_event)) {
                numbers.oldest_event = oldest;
            }
        }
    }
    return numbers;
}

}  // namespace

Result<std::unique_ptr<RocksTable>> RocksTable::open(const std::string& folder, io::Loop& loop,
                                                     const RocksTableOptions& options,
                                                     const Logger& log) {
    PARLEY_CHECK(make_folder(folder));
    PARLEY_TRY(FolderLock lock, FolderLock::take(folder));
    PARLEY_CHECK(check_room_to_open(folder, options.free_space_reserve));
    PARLEY_TRY(Epoch epoch, load_epoch(folder));
    auto table =
        std::make_unique<TableOnRocks>(folder, options, std::move(epoch), std::move(lock), log);
    PARLEY_CHECK(table->start(loop));
    return std::unique_ptr<RocksTable>(std::move(table));
}

Result<std::unique_ptr<RocksTable>> RocksTable::open_to_read(const std::string& folder,
                                                             const Logger& log) {
    auto table =
        std::make_unique<TableOnRocks>(folder, RocksTableOptions(), Epoch(), std::nullopt, log);
    PARLEY_CHECK(table->start_to_read());
    return std::unique_ptr<RocksTable>(std::move(table));
}

}  // namespace parley::rocksdb
