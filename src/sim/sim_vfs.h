#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "io/clock.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace parley::sim {

// A file as a disk keeps it: what is there now, and for each sector written since the last sync
// what was there before.
struct SimFile {
    Bytes content;
    std::map<std::uint64_t, Bytes> unsynced;  // sector -> its bytes at the last sync
    std::size_t synced_size = 0;
    bool ever_synced = false;

    bool dirty() const { return !unsynced.empty() || content.size() != synced_size; }
};

enum class PowerLoss : std::uint8_t {
    process,  // the process ended, the machine lives: all that was written stays
    machine,  // what was not synced is lost in part: each sector for itself
};

// The disk of one device, as a SQLite VFS in memory. The real SQLite runs on it. Registered under
// name() as long as it lives; connections that use it must be closed first. One thread.
class SimVfs {
  public:
    // `clock` outlives it.
    SimVfs(std::string name, std::uint64_t seed, const io::WallClock& clock);
    ~SimVfs();
    SimVfs(const SimVfs&) = delete;
    SimVfs& operator=(const SimVfs&) = delete;

    const std::string& name() const { return name_; }

    // The process ends now: what the code still writes while it is taken down reaches nothing. Then
    // revive() gives the disk as it was left.
    void stop(PowerLoss how);
    void revive();
    bool stopped() const { return survivors_ != nullptr; }

    // Files of which a power loss now would lose something, by name; empty: none.
    std::string unsynced() const;

    // Makes this disk what the other would be if all that is not synced were lost.
    void copy_synced(const SimVfs& other);

    // ---- faults
    void set_capacity(std::size_t bytes) { capacity_ = bytes; }
    void fail_after(std::uint64_t operations) { fail_at_ = operations_ + operations; }
    void stop_failing() {
        fail_at_ = 0;
        interrupt_at_ = 0;
        interrupt_ = nullptr;
    }
    bool faulty() const { return capacity_ != SIZE_MAX || fail_at_ != 0; }
    // Called in the middle of the operation with this number from now: a place to stop().
    void interrupt_after(std::uint64_t operations, std::function<void()> then);

    // Writes, syncs, truncations and deletions so far.
    std::uint64_t operations() const { return operations_; }
    std::uint64_t syncs() const { return syncs_; }
    std::size_t bytes_used() const;

    // Makes SQLite's own random numbers those of this seed. They are one sequence per process, so:
    // at the start of each run, while no connection is open.
    static void seed_sqlite(std::uint64_t seed);

  private:
    friend struct VfsCalls;
    using Files = std::map<std::string, std::shared_ptr<SimFile>>;

    // SQLite's result code of the fault that the next operation meets.
    int operation();
    void write(SimFile& file, std::size_t offset, std::string_view bytes);
    void remember(SimFile& file, std::size_t from, std::size_t to);
    void lose_unsynced(SimFile& file);

    std::string name_;
    Random random_;
    const io::WallClock& clock_;
    Files files_;
    std::unique_ptr<Files> survivors_;
    std::size_t capacity_ = SIZE_MAX;
    std::uint64_t operations_ = 0;
    std::uint64_t syncs_ = 0;
    std::uint64_t fail_at_ = 0;
    std::uint64_t interrupt_at_ = 0;
    std::function<void()> interrupt_;
    std::uint64_t temporary_ = 0;

    struct Registration;
    std::unique_ptr<Registration> registration_;
};

}  // namespace parley::sim
