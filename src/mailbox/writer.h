#pragma once

#include "mailbox/batch.h"
#include "mailbox/guarded_clock.h"
#include "mailbox/work.h"

#include <deque>

namespace parley::mailbox {

// Writes for all doors: what waits becomes one batch, and while that is being flushed the next
// gathers. At most one commit is under way, and the next is prepared only when it is durable, so
// everything that a batch reads is either durable or its own. On the store's loop only.
class Writer {
  public:
    Writer(std::shared_ptr<StoreShared> shared, LogStoreOptions options,
           std::optional<ClockRecord> clock);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer();

    void take(std::vector<Work> works);
    void drain(Task done);
    // `done` is called on this loop when it is durable, or refused.
    using Confirmed = UniqueFunction<void(Result<void>)>;
    void confirm_clock(Confirmed done);

    // False as soon as the writer is gone; tasks that were posted for it look here first.
    std::shared_ptr<const bool> alive() const { return alive_; }

  private:
    // A batch on its way.
    struct Flight {
        std::unique_ptr<Batch> batch;
        Instant began{};        // its commit was given to the table
        std::size_t bytes = 0;  // of the commit
        std::size_t works = 0;  // at the front of queue_, all of them through but perhaps the last
        std::vector<Work> marks;
        std::vector<Work> checks;
        std::optional<ClockRecord> clock;
        std::vector<Confirmed> confirmations;  // that `clock` makes durable
        bool committed = false;                // there was something to write
        std::vector<DeleteRange> erased;       // whose bytes are to leave the disk as well
    };
    struct Replies {
        Line line;
        std::vector<Task> tasks;
    };

    void schedule();
    void advance();
    bool something_to_do() const;
    bool marks_due() const;
    bool housekeeping_due() const;
    void start_batch();
    std::vector<Step> choose_steps();
    std::vector<Work> choose_marks();
    void add_housekeeping(Flight& flight);
    void finish_batch(Flight flight, const Result<void>& outcome);
    void count(Flight& flight, const Result<void>& outcome);
    void answer_confirmations(Flight& flight, const std::optional<Error>& error);
    void adopt_clock(const ClockRecord& clock);
    void answer_works(Flight& flight, const std::optional<Error>& error);
    void answer(Work& work, const std::optional<Error>& error);
    void reply(const Line& line, Task task);
    void send_replies();
    void refuse(Work work);
    void arm_tick();
    void update_clock();

    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::shared_ptr<StoreShared> shared_;
    LogStoreOptions options_;
    MailboxCache cache_;
    Sightings sightings_;
    GuardedClock clock_;
    ClockRecord stored_clock_;   // as it lies in the table
    bool clock_stored_ = false;  // there is one
    bool confirmed_ = false;     // by an operator, not yet written
    std::vector<Confirmed> confirmations_;
    Instant housekeeping_after_{};  // not before: the last one was refused
    std::deque<Work> queue_;
    std::vector<Work> checks_;
    std::optional<Instant> committed_at_;  // the last one, if it was not refused
    std::vector<Work> marks_;              // wait for mark_delay, so that one record serves many
    Instant marks_due_at_{};
    bool scheduled_ = false;
    bool committing_ = false;
    bool fatal_ = false;
    bool draining_ = false;
    bool put_to_rest_ = false;  // the last commit of a drain was tried
    Task drained_;
    std::vector<Replies> replies_;
    io::Timer tick_timer_;
    io::Timer mark_timer_;
};

}  // namespace parley::mailbox
