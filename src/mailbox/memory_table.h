#pragma once

#include "base/time.h"
#include "io/loop.h"
#include "mailbox/table.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace parley::mailbox {

// What a MemoryTable has made durable: the disk, which outlives the process that uses it. One
// thread.
class MemoryDisk {
  public:
    explicit MemoryDisk(Epoch epoch = Epoch("memory")) : epoch_(std::move(epoch)) {}

    // A consistent copy; like a backup it leaves the epoch out and is given another (R19).
    MemoryDisk copy(Epoch epoch) const;
    std::size_t entries(Space space) const { return spaces_[index(space)].size(); }
    const Epoch& epoch() const { return epoch_; }
    void set_epoch(Epoch epoch) { epoch_ = std::move(epoch); }

  private:
    friend class MemoryTable;
    struct Value {
        Bytes bytes;
        WallTime stored_at{};
    };
    using Ordered = std::map<Bytes, Value, std::less<>>;
    static std::size_t index(Space space) { return static_cast<std::size_t>(space); }
    void apply(const Commit& commit);

    Epoch epoch_;
    std::array<Ordered, kSpaces> spaces_;
};

// A Table in memory, for tests and simulations: a commit becomes durable after a virtual delay, and
// a crash loses what was not. Everything on one thread. Destroying it is a crash: a commit under
// way is lost unless keep_commit_under_way() was called, and is never answered.
class MemoryTable final : public Table {
  public:
    struct Options {
        Duration commit_delay = std::chrono::milliseconds(1);
        // expire() takes effect at once; otherwise entries stay, as they may with a real engine.
        bool expire_at_once = false;
    };
    // How a commit or a reading that was told to fail does it.
    enum class Failure {
        refused,  // server_error, retryable: nothing was applied
        lost,     // store_failed; not applied
        applied,  // store_failed; applied all the same (commits only)
    };

    // `disk` and `loop` outlive the table; `loop` is the store's.
    MemoryTable(MemoryDisk& disk, io::Loop& loop, Options options);
    MemoryTable(MemoryDisk& disk, io::Loop& loop) : MemoryTable(disk, loop, Options{}) {}
    ~MemoryTable() override;

    // The n-th operation from now on (1: the next) fails, once. Commits and readings are counted
    // apart.
    void fail_commit(std::size_t n, Failure failure);
    void fail_read(std::size_t n);
    // From now on this key, and every range that holds it, cannot be read, as with a bad block.
    void damage(Space space, Bytes key) { damaged_.emplace(space, std::move(key)); }
    void repair() { damaged_.clear(); }
    // While set, every commit is refused like on a full disk.
    void set_full(bool full) { full_ = full; }
    // From now on no commit comes back, like on a disk that hangs, until go_on().
    void hang() { hangs_ = true; }
    void go_on();
    // The commit under way reaches the disk although nobody will hear of it.
    void keep_commit_under_way();
    bool commit_under_way() const { return under_way_.has_value(); }
    std::size_t commits() const { return commits_; }
    std::size_t reads() const { return reads_; }
    // Of expire(), for tests.
    WallTime expired_before(Space space) const { return expired_[MemoryDisk::index(space)]; }

    Result<std::optional<Bytes>> get(Space space, std::string_view key) override;
    Result<std::vector<std::optional<Bytes>>> get_many(Space space,
                                                       const std::vector<Bytes>& keys) override;
    Result<std::vector<Entry>> scan(Space space, const ScanOptions& options) override;
    void commit(Commit commit, CommitDone done) override;
    void expire(Space space, WallTime before) override;
    const Epoch& epoch() const override { return disk_.epoch(); }
    bool has_room() const override { return !full_; }
    // Not a file system: answers that backups are made with MemoryDisk::copy().
    Result<void> backup(const std::string& folder) override;

  private:
    struct UnderWay {
        Commit commit;
        CommitDone done;
        std::optional<Failure> failure;
    };
    Result<void> count_read();
    Result<void> check_damage(Space space, std::string_view from, std::string_view last) const;
    void finish_commit();

    MemoryDisk& disk_;
    io::Loop& loop_;
    Options options_;
    std::array<WallTime, kSpaces> expired_{};
    std::size_t commits_ = 0;
    std::size_t reads_ = 0;
    std::size_t failing_commit_ = 0;
    std::size_t failing_read_ = 0;
    Failure failure_ = Failure::refused;
    bool full_ = false;
    bool hangs_ = false;
    bool waits_for_go_on_ = false;  // the commit under way is due
    std::set<std::pair<Space, Bytes>> damaged_;
    std::optional<UnderWay> under_way_;
    io::Timer timer_;
};

}  // namespace parley::mailbox
