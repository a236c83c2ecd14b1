#include "mailbox/writer.h"

#include <algorithm>
#include <set>
#include <utility>

namespace parley::mailbox {
namespace {

constexpr std::size_t kMarksPerBatch = 4096;
// The wall clock counts for sequences only while it says something between 1970 and the year 2223.
constexpr std::int64_t kWallEndUs = 8'000'000'000'000'000;
constexpr auto kHousekeepingPause = std::chrono::seconds(5);

// How far the appends that are left fit a batch that holds `count` appends and `bytes` already.
struct Stretch {
    std::size_t end = 0;
    std::size_t bytes = 0;
};
Stretch fitting(const AppendWork& work, std::size_t count, std::size_t bytes) {
    Stretch stretch{work.next, 0};
    const Bytes* body = nullptr;
    for (; stretch.end < work.appends.size(); ++stretch.end, ++count) {
        const Append& append = work.appends[stretch.end];
        std::size_t size = append.bytes ? append.bytes->size() : 0;
        if (append.body && append.body.get() != body) {
            // The appends of one message share it, and it is stored once.
            body = append.body.get();
            size += body->size();
        }
        if (count == kStoreBatchAppends ||
            (count > 0 && bytes + stretch.bytes + size > kStoreBatchBytes)) {
            break;
        }
        stretch.bytes += size;
    }
    return stretch;
}

}  // namespace

Writer::Writer(std::shared_ptr<StoreShared> shared, LogStoreOptions options,
               std::optional<ClockRecord> clock)
    : shared_(std::move(shared)),
      options_(std::move(options)),
      cache_(shared_->table, shared_->damage, kStoreCachedMailboxes),
      clock_(clock ? std::optional(clock->time) : std::nullopt,
             clock ? clock->held_since : std::nullopt, shared_->clock.now(), shared_->loop.now()),
      stored_clock_(clock.value_or(ClockRecord{})),
      clock_stored_(clock.has_value()) {
    shared_->expired_ms.store(to_ms(stored_clock_.expired), std::memory_order_release);
    shared_->table.expire(Space::events, stored_clock_.expired);
    update_clock();
    arm_tick();
    schedule();
}

Writer::~Writer() {
    *alive_ = false;
}

void Writer::take(std::vector<Work> works) {
    for (Work& work : works) {
        if (fatal_) {
            return;
        }
        if (draining_) {
            refuse(std::move(work));
        } else if (std::holds_alternative<CheckWork>(work.what)) {
            checks_.push_back(std::move(work));
        } else if (std::holds_alternative<MarkWork>(work.what)) {
            if (marks_.empty()) {
                marks_due_at_ = shared_->loop.now() + options_.mark_delay;
            }
            marks_.push_back(std::move(work));
        } else {
            queue_.push_back(std::move(work));
        }
    }
    if (!marks_.empty() && !mark_timer_.armed()) {
        mark_timer_ = shared_->loop.call_at(marks_due_at_, [this] {
            mark_timer_.reset();
            advance();
        });
    }
    send_replies();
    schedule();
}

// At the end of the turn, so that what all doors posted meanwhile is in the batch.
void Writer::schedule() {
    if (scheduled_ || committing_ || fatal_) {
        return;
    }
    scheduled_ = true;
    shared_->loop.at_turn_end([this, alive = alive_] {
        if (*alive) {
            scheduled_ = false;
            advance();
        }
    });
}

void Writer::drain(Task done) {
    draining_ = true;
    drained_ = std::move(done);
    schedule();
}

bool Writer::marks_due() const {
    return !marks_.empty() &&
           (draining_ || marks_.size() >= kMarksPerBatch || shared_->loop.now() >= marks_due_at_);
}

bool Writer::something_to_do() const {
    return !queue_.empty() || !checks_.empty() || marks_due() || housekeeping_due();
}

void Writer::advance() {
    while (!committing_ && !fatal_) {
        if (!something_to_do()) {
            if (draining_ && drained_) {
                std::exchange(drained_, nullptr)();
            }
            return;
        }
        start_batch();
    }
}

void Writer::start_batch() {
    update_clock();
    const std::int64_t wall_us = shared_->clock.now_us();
    const Moment moment{
        clock_.value(),
        wall_us > 0 && wall_us < kWallEndUs ? static_cast<std::uint64_t>(wall_us) : 0,
        shared_->expired()};
    Flight flight;
    flight.batch = std::make_unique<Batch>(*shared_, options_, cache_, sightings_, moment);
    const std::vector<Step> steps = choose_steps();
    flight.works = steps.size();
    flight.marks = choose_marks();
    flight.checks = std::exchange(checks_, {});
    std::vector<Work*> marks;
    for (Work& mark : flight.marks) {
        marks.push_back(&mark);
    }
    flight.batch->add(steps);
    flight.batch->mark(marks);
    committing_ = true;
    flight.batch->close();
    flight.erased = flight.batch->commit.ranges;
    add_housekeeping(flight);
    if (flight.batch->commit.empty()) {
        finish_batch(std::move(flight), {});
        return;
    }
    Commit commit = std::move(flight.batch->commit);
    flight.committed = true;
    flight.began = shared_->loop.now();
    for (const Put& put : commit.puts) {
        flight.bytes += put.key.size() + put.value.size();
    }
    shared_->metrics.under_way_since.set(flight.began.time_since_epoch().count());
    shared_->table.commit(std::move(commit), [this, alive = alive_, flight = std::move(flight)](
                                                 Result<void> outcome) mutable {
        if (*alive) {
            count(flight, outcome);
            finish_batch(std::move(flight), outcome);
            schedule();
        }
    });
}

// As many requests from the front of the queue as fit one batch. Operators' requests go alone, and
// two enrolments of one user go in two batches: they look at what the table has.
std::vector<Step> Writer::choose_steps() {
    std::vector<Step> steps;
    std::set<MailboxId> enrolled;
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (Work& work : queue_) {
        if (auto* append = std::get_if<AppendWork>(&work.what)) {
            const std::size_t begin = append->next;
            const Stretch stretch = fitting(*append, count, bytes);
            const std::size_t end = stretch.end;
            if (begin == 0 && end < append->appends.size() && !steps.empty()) {
                break;  // whole in the next one: what belongs together is one commit (R1)
            }
            count += end - begin;
            bytes += stretch.bytes;
            if (end == begin && begin < append->appends.size()) {
                break;
            }
            steps.push_back({&work, begin, end});
            if (end < append->appends.size()) {
                break;
            }
        } else if (auto* enroll = std::get_if<EnrollWork>(&work.what)) {
            if (++count > kStoreBatchAppends || !enrolled.insert(enroll->mailbox).second) {
                break;
            }
            steps.push_back({&work});
        } else {
            if (steps.empty()) {
                steps.push_back({&work});
            }
            break;
        }
    }
    return steps;
}

std::vector<Work> Writer::choose_marks() {
    if (!marks_due()) {
        return {};
    }
    const auto count = static_cast<std::ptrdiff_t>(std::min(marks_.size(), kMarksPerBatch));
    std::vector<Work> chosen(std::make_move_iterator(marks_.begin()),
                             std::make_move_iterator(marks_.begin() + count));
    marks_.erase(marks_.begin(), marks_.begin() + count);
    return chosen;
}

// A commit came back.
void Writer::count(Flight& flight, const Result<void>& outcome) {
    StoreMetrics& metrics = shared_->metrics;
    const Instant now = shared_->loop.now();
    metrics.under_way_since.set(0);
    metrics.commit_seconds.observe(now - flight.began);
    if (!outcome) {
        committed_at_.reset();
        metrics.commits_refused.add();
        return;
    }
    committed_at_ = now;
    metrics.commits.add();
    metrics.bytes.add(static_cast<std::int64_t>(flight.bytes));
    metrics.events_per_commit.observe(static_cast<std::int64_t>(flight.batch->wakes.size()));
    for (Wake& wake : flight.batch->wakes) {
        wake.durable_at = now;
    }
}

void Writer::finish_batch(Flight flight, const Result<void>& outcome) {
    committing_ = false;
    std::optional<Error> error;
    if (!outcome) {
        error = outcome.error();
        flight.batch->spoil();
        if (error->code != ErrorCode::server_error || !error->retryable) {
            fatal_ = true;
            shared_->log.error("store.failed", {{"error", error->description}});
            if (options_.on_fatal) {
                options_.on_fatal(*error);
            }
            return;
        }
        shared_->refusals.refused(*error, shared_->loop.now());
        housekeeping_after_ = shared_->loop.now() + kHousekeepingPause;
        arm_tick();
    } else if (flight.committed) {
        shared_->refusals.taken(shared_->loop.now());
        if (!flight.erased.empty()) {
            shared_->table.reclaim(std::move(flight.erased));
        }
        if (flight.clock) {
            adopt_clock(*flight.clock);
        }
    }
    answer_works(flight, error);
    answer_confirmations(flight, error);
    // The two posts that a loop gets stand close together, so that what they lead to is usually one
    // turn there and one write for each connection.
    shared_->wakes->publish(std::move(flight.batch->wakes));
    send_replies();
    cache_.trim();
}

void Writer::answer_works(Flight& flight, const std::optional<Error>& error) {
    const auto error_of = [&](const Work& work) {
        std::optional<Error> failure = flight.batch->failure(work);
        const bool needed = flight.batch->depends_on_commit(work);
        return !failure && needed ? error : failure;
    };
    for (Work& mark : flight.marks) {
        answer(mark, error_of(mark));
    }
    for (Work& check : flight.checks) {
        answer(check, error);
    }
    for (std::size_t i = 0; i < flight.works; ++i) {
        Work& work = queue_.front();
        auto* append = std::get_if<AppendWork>(&work.what);
        if (append != nullptr) {
            append->passed_over = append->passed_over || error.has_value();
            const bool open = append->next < append->appends.size();
            if (open && !append->passed_over) {
                return;  // goes on in the next batch
            }
            answer(work, std::nullopt);
        } else {
            answer(work, error_of(work));
        }
        queue_.pop_front();
    }
}

}  // namespace parley::mailbox
