#pragma once

#include "base/random.h"
#include "mailbox/table.h"
#include "sim/scheduler.h"
#include "sim/sim_loop.h"
#include "sim/trace.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace parley::sim {

// Hears what becomes durable on the server's disk, at the moment it does.
class DurableObserver {
  public:
    virtual ~DurableObserver() = default;
    virtual void durable(const mailbox::Commit& commit) = 0;
    // The whole content was replaced by an older one.
    virtual void restored() = 0;
};

// The server's disk: what is flushed, and nothing else. Outlives every process that uses it.
class SimDisk {
  public:
    using Contents = std::array<std::map<Bytes, Bytes, std::less<>>, mailbox::kSpaces>;

    explicit SimDisk(Epoch epoch) : epoch_(std::move(epoch)) {}

    void set_observer(DurableObserver* observer) { observer_ = observer; }
    const Contents& contents() const { return contents_; }
    const Epoch& epoch() const { return epoch_; }

    void apply(const mailbox::Commit& commit);
    // Drops entries of a space that were stored before `time`.
    void drop_before(mailbox::Space space, WallTime time);
    // The file that names the epoch was lost: the next start makes a new one. The rest stays.
    void lose_epoch(Epoch next) { epoch_ = std::move(next); }
    // Puts a copy back that was taken before, without the file of the epoch: the next start makes a
    // new one.
    void restore(Contents contents, Epoch epoch);

    // ---- faults
    bool full = false;          // commits are refused, retryably
    Duration flush_least{200};  // how long a flush takes
    Duration flush_most{3'000};
    bool fail_next_commit = false;  // an I/O error: unknown whether it was applied

  private:
    Epoch epoch_;
    Contents contents_;
    DurableObserver* observer_ = nullptr;
};

// One process's table on the disk: a commit is applied after a flush in virtual time, and only then
// seen and said. A process that ends loses the commit under way, or does not; nobody can tell.
class SimTable final : public mailbox::Table {
  public:
    SimTable(SimDisk& disk, Scheduler& scheduler, SimLoop& loop, std::uint64_t seed, Trace& trace);
    ~SimTable() override;

    Result<std::optional<Bytes>> get(mailbox::Space space, std::string_view key) override;
    Result<std::vector<std::optional<Bytes>>> get_many(mailbox::Space space,
                                                       const std::vector<Bytes>& keys) override;
    Result<std::vector<mailbox::Entry>> scan(mailbox::Space space,
                                             const mailbox::ScanOptions& options) override;
    void commit(mailbox::Commit commit, CommitDone done) override;
    void expire(mailbox::Space space, WallTime before) override;
    const Epoch& epoch() const override { return disk_.epoch(); }
    Result<void> backup(const std::string& folder) override;

    // The power goes now: what was not flushed is lost, or not, as a whole. Nothing is done any
    // more.
    void stop();
    std::uint64_t commits() const { return commits_; }

  private:
    void flushed();
    void answer(Result<void> result);

    SimDisk& disk_;
    Scheduler& scheduler_;
    SimLoop& loop_;
    Random random_;
    Trace& trace_;
    std::optional<mailbox::Commit> under_way_;
    CommitDone done_;
    std::uint64_t flush_event_ = 0;
    std::uint64_t commits_ = 0;
    bool stopped_ = false;
    std::array<std::optional<WallTime>, mailbox::kSpaces> expire_before_;
};

}  // namespace parley::sim
