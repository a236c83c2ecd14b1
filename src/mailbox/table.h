#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/task.h"
#include "base/time.h"
#include "parley/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::mailbox {

// Spaces of keys with a life of their own (spec/storage.md names what lies in each).
enum class Space : std::uint8_t {
    state,   // users, devices, marks, the clock: stays until deleted
    events,  // expire() with the retention
    keys,    // expire() with the dedupe horizon
    bodies,  // deleted by days
};
inline constexpr std::size_t kSpaces = 4;

// The spaces that expire() works on. Every value in them begins with the time at which it was
// stored: milliseconds since 1970, eight bytes, big-endian (to_ms). An engine may read it while
// compacting.
constexpr bool expires(Space space) {
    return space == Space::events || space == Space::keys;
}
inline constexpr std::size_t kStoredAtBytes = 8;

struct Put {
    Space space;
    Bytes key;
    Bytes value;
    // The same time for engines that keep it beside the value; 0 in spaces without expire().
    WallTime stored_at{};
};
struct Delete {
    Space space;
    Bytes key;
};
// All keys in [from, to).
struct DeleteRange {
    Space space;
    Bytes from;
    Bytes to;
};

// One atomic, durable change. Deletes and ranges are applied before puts.
struct Commit {
    std::vector<Put> puts;
    std::vector<Delete> deletes;
    std::vector<DeleteRange> ranges;
    bool empty() const { return puts.empty() && deletes.empty() && ranges.empty(); }
};

struct Entry {
    Bytes key;
    Bytes value;
};

struct ScanOptions {
    Bytes from;            // inclusive
    Bytes to;              // exclusive
    bool reverse = false;  // from the end of the range downwards
    std::size_t entries = 1024;
    std::size_t bytes =
        4 * 1024 * 1024;  // of keys and values; at least one entry is returned where there is one
};

// What an engine says of its room, for metrics. 0: nothing, or not known to this engine.
struct TableNumbers {
    std::uint64_t table_bytes = 0;       // of its tables on disk
    std::uint64_t log_bytes = 0;         // of its write-ahead log
    std::uint64_t memory_bytes = 0;      // written and durable, and not yet in tables
    std::uint64_t compaction_bytes = 0;  // that the compactions which wait will read
    std::uint64_t expired_bytes = 0;     // of tables that may hold what has expired
    WallTime oldest_event{};             // no event was stored before; within a table's age
    std::uint64_t free_bytes = 0;        // that the file system has left
    std::uint64_t background_errors = 0;
    bool stalled = false;  // it takes no writes until its own work has caught up
};

// What an embedded engine must do, and no more: ordered keys, and batches that are durable before
// they are said to be. LogStore (log_store.h) makes a mailbox::Store of it. The conformance suite
// in testing/table_conformance.h holds for every engine.
class Table {
  public:
    using CommitDone = UniqueFunction<void(Result<void>)>;
    virtual ~Table() = default;

    // Any thread; only what is durable is seen. An error is one of the engine (I/O, corruption) and
    // names the file.
    virtual Result<std::optional<Bytes>> get(Space space, std::string_view key) = 0;
    // One lookup for many keys, in their order.
    virtual Result<std::vector<std::optional<Bytes>>> get_many(Space space,
                                                               const std::vector<Bytes>& keys) = 0;
    virtual Result<std::vector<Entry>> scan(Space space, const ScanOptions& options) = 0;

    // Applies the change as one flushed write, then calls `done` on the store's loop (the one it
    // was opened with), in a later turn. Commits are applied in the order of the calls; the caller
    // has at most one under way. On the store's loop only. Errors: server_error retryable: nothing
    // was applied and the engine was not touched (below the reserve of free space); any other:
    // unknown whether it was applied, and the engine must not be used further (the process ends,
    // cli.md exit code 5).
    virtual void commit(Commit commit, CommitDone done) = 0;

    // Entries of this space stored before `time` may be dropped while compacting, from now on. They
    // may also stay: the reader checks. Any thread.
    virtual void expire(Space space, WallTime before) = 0;
    // What was deleted in these ranges is to leave the files too, in the background and soon; where
    // that does not come to be it leaves them with time. Any thread.
    virtual void reclaim(std::vector<DeleteRange> /*ranges*/) {}
    // Names this lifetime of the store; kept in a file that backups leave out (R19). Constant while
    // open.
    virtual const Epoch& epoch() const = 0;
    // Copies a consistent state into a new folder while the table is in use. Any thread; blocks.
    virtual Result<void> backup(const std::string& folder) = 0;
    // Any thread. Asks the file system, too: not from a loop that serves somebody.
    virtual TableNumbers numbers() const { return {}; }
    // Whether a commit would find room now, as far as can be told without reading or writing: false
    // means that it would be refused. Any thread.
    virtual bool has_room() const { return true; }
    // What is wrong with it that no reading or commit tells: a compaction met a damaged file, for
    // one. One line that names the file. Any thread.
    virtual std::optional<std::string> trouble() const { return std::nullopt; }
};

}  // namespace parley::mailbox
