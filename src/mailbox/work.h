#pragma once

#include "base/limits.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/loop.h"
#include "mailbox/damage.h"
#include "mailbox/kept_numbers.h"
#include "mailbox/log_store.h"
#include "mailbox/store.h"
#include "mailbox/store_metrics.h"
#include "mailbox/table.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <variant>
#include <vector>

// What the doors and the writer of a LogStore share, and the requests that go from one to the
// other.
namespace parley::mailbox {

// The side of a door that answers are sent to. `open` is touched on `loop` alone.
struct DoorLine {
    explicit DoorLine(io::Loop& home) : loop(home) {}
    io::Loop& loop;
    bool open = true;
};
using Line = std::shared_ptr<DoorLine>;

// A submission within an AppendWork: its appends end before `end`, where those of the next begin.
struct SubmissionPart {
    std::size_t end = 0;
    Store::Finish finish;  // empty for append()
    std::optional<Appended> sent = {};
};

// An append or some submissions on their way; a large one may need several batches.
struct AppendWork {
    std::vector<Append> appends;
    std::vector<SubmissionPart> parts;
    Store::Done<std::vector<Store::Submitted>> done;

    std::vector<Appended> answers = {};
    std::size_t next = 0;      // the first append without an answer
    bool passed_over = false;  // one was answered busy: nothing after it is stored
};
// Its answers, by submission.
std::vector<Store::Submitted> take_answers(AppendWork& work);

struct EnrollWork {
    MailboxId mailbox;
    DeviceId device;
    bool messaging = false;
    std::vector<DeviceId> live;
    Store::Done<Result<Enrolled>> done;

    Enrolled answer = {};
};
struct MarkWork {
    MailboxId mailbox;
    Sequence sequence;
    Store::Done<Result<void>> done;
};
struct DisableWork {
    MailboxId mailbox;
    bool disabled = false;
    Store::Done<Result<void>> done;
};
struct ForgetWork {
    MailboxId mailbox;
    DeviceId device;
    Store::Done<Result<bool>> done;

    bool answer = false;
};
struct EraseWork {
    MailboxId mailbox;
    Store::Done<Result<bool>> done;

    bool answer = false;
};

struct CheckWork {
    Store::Done<Result<void>> done;
};

struct Work {
    Line line;
    std::size_t cost = 0;  // bytes that it holds while it waits
    std::variant<AppendWork, EnrollWork, MarkWork, DisableWork, ForgetWork, EraseWork, CheckWork>
        what;
};

// Lives as long as any door or the writer. What is not atomic never changes after open().
struct StoreShared {
    StoreShared(Table& the_table, io::Loop& writer_loop, io::WallClock& wall_clock, Logger logger)
        : table(the_table), loop(writer_loop), clock(wall_clock), log(logger) {}

    Table& table;
    io::Loop& loop;  // the writer's
    io::WallClock& clock;
    Logger log;
    std::chrono::seconds retention{};
    std::chrono::seconds horizon{};
    Epoch epoch;
    std::unique_ptr<Wakes> wakes = make_local_wakes();
    Damage damage{log};
    Refusals refusals{log};

    // The store's time as far as it was ever told, in milliseconds.
    std::atomic<std::int64_t> told_ms = 0;
    // The wall clock is followed (R17).
    std::atomic<bool> following = true;
    // Events stored before may be gone. Moved by the writer while no commit is under way: who reads
    // the new value sees every event that was placed by the old one (reader.h, position_of).
    std::atomic<std::int64_t> expired_ms = 0;
    // What waits for the writer, over all doors.
    std::atomic<std::size_t> waiting_requests = 0;
    std::atomic<std::size_t> waiting_bytes = 0;
    StoreMetrics metrics;  // written by the writer
    KeptNumbers numbers;

    // Any thread. Never goes backwards.
    WallTime now();
    std::optional<std::string> trouble() const;
    StoreStatus status() const;
    void ask_numbers();  // blocks
    WallTime expired() const {
        return wall_time_from_ms(expired_ms.load(std::memory_order_acquire));
    }
    // Events stored before are not handed out (R17): past retention at `time`, or gone while a
    // shorter retention was set.
    WallTime kept_since(WallTime time) const { return std::max(time - retention, expired()); }
};

// Raises `value` to at least `to`; what it is then.
std::int64_t raise(std::atomic<std::int64_t>& value, std::int64_t to);

}  // namespace parley::mailbox
