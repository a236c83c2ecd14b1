#pragma once

#include "base/limits.h"
#include "base/log.h"
#include "base/prometheus.h"
#include "io/clock.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "mailbox/table.h"

#include <memory>

namespace parley::mailbox {

struct LogStoreOptions {
    std::chrono::seconds retention = Limits{}.retention;
    std::chrono::seconds retry_window =
        Limits{}.retry_window;  // the dedupe horizon is the longer of retention and twice this
    std::uint64_t quota_pending_bytes = ServerLimits{}.quota_pending_bytes;
    std::uint64_t quota_retained_bytes = ServerLimits{}.quota_retained_bytes;
    std::uint32_t devices = ServerLimits{}.devices;
    // A mark waits this long for others, so that one record serves many: it may lag (R21).
    Duration mark_delay = std::chrono::milliseconds(10);
    bool hold_for_unknown = false;  // an append that needs messaging makes an unknown user instead
                                    // of answering no_user (R13)
    // A commit failed in a way that leaves its outcome unknown: the process must end. Called on the
    // store's loop; nothing is answered any more.
    UniqueFunction<void(const Error&)> on_fatal;
};

// What a LogStore says of itself, for metrics.
struct StoreStatus {
    std::optional<std::string> trouble;  // Store::trouble()
    std::uint64_t failed_reads = 0;      // ever
    std::optional<Error> refusing;       // why commits are refused now (no room, for one)
    std::uint64_t refused_commits = 0;   // ever
    std::uint64_t waiting_requests = 0;  // for the writer
    std::uint64_t waiting_bytes = 0;
    WallTime expired{};  // events stored before may be gone
    TableNumbers table;  // of the last ask_numbers(), at the latest of open()
};

// A mailbox::Store over any Table: keys, sequences, group commit, marks, retention, epochs, the
// guarded clock (R17). Its writer lives on `loop` (a thread of its own in parleyd): it gathers the
// appends of all doors, and commits all that waits as one batch while the next gathers.
class LogStore {
  public:
    // Reads the stored clock. On `loop`, or before it runs; destroyed the same way. `table`,
    // `loop`, `clock` and the doors' loops outlive the store; a door may go before or after it.
    // Errors: store_failed, store_foreign (a newer format).
    static Result<std::unique_ptr<LogStore>> open(Table& table, io::Loop& loop,
                                                  io::WallClock& clock, LogStoreOptions options,
                                                  Logger log);
    virtual ~LogStore() = default;

    // A door for `loop`. Call before that loop runs or from it.
    virtual std::unique_ptr<Store> door(io::Loop& loop) = 0;
    // What comes from now on is answered busy; `done` runs on the store's loop when all that was
    // taken is committed and answered. Any thread.
    virtual void drain(Task done) = 0;
    // An operator says that the wall clock is right (R17). Any thread. `done` runs on the store's
    // loop when that is durable. Errors: server_error (it was refused, or the store drains): the
    // clock follows now, but a restart may not know.
    virtual void confirm_clock(UniqueFunction<void(Result<void>)> done) = 0;
    // What it counts. `now` is of a loop with the same clock. Any thread.
    virtual void write_metrics(MetricsText& text, Instant now) const = 0;
    // Any thread.
    virtual StoreStatus status() const = 0;
    // A commit is with the table, and the store's loop may be waiting for the disk. Any thread.
    virtual bool is_committing() const = 0;
    // Asks the engine and the file system for what status() tells of them. Blocks: from a thread
    // that serves nobody, every few seconds.
    virtual void ask_numbers() = 0;
};

}  // namespace parley::mailbox
