#pragma once

#include "base/task.h"
#include "io/loop.h"
#include "mailbox/forwarding_store.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

namespace parley::server {

// A Store whose calls fail, or wait, as a test says; all else goes to the real one.
class FaultyStore final : public mailbox::ForwardingStore {
  public:
    enum class Fault {
        none,
        busy,             // nothing is taken
        ambiguous,        // it may have been stored: it was not
        ambiguous_stored  // it was
    };
    // What a test turns; outlives the store, which its node owns.
    struct Switches {
        std::deque<Fault> appends;  // of the next calls of append() and submit()
        bool away = false;          // all of them are busy, and nothing can be read
        bool sent_away = false;     // only what is not `incoming` is busy
        bool full = false;          // enrolments fail
        bool marks_lost = false;    // marks are answered with an error
        bool hold_reads = false;    // readings are done, but told only when a test runs held_reads
        std::deque<Task> held_reads;
        bool lagging_read = false;  // the next reading sees nothing new, as one from an old copy
        std::size_t append_calls = 0;
        std::size_t submit_calls = 0;
        std::size_t read_calls = 0;
        std::size_t head_calls = 0;
        std::size_t mark_calls = 0;
        std::size_t largest_submit = 0;
    };

    FaultyStore(std::unique_ptr<mailbox::Store> inner, io::Loop& loop, Switches& switches)
        : ForwardingStore(std::move(inner)), loop_(loop), switches_(switches) {}

    void enroll(const MailboxId& mailbox, const DeviceId& device, bool messaging,
                std::vector<DeviceId> live, Done<Result<mailbox::Enrolled>> done) override {
        if (switches_.full || switches_.away) {
            return fail(std::move(done));
        }
        ForwardingStore::enroll(mailbox, device, messaging, std::move(live), std::move(done));
    }

    void append(std::vector<mailbox::Append> appends,
                Done<std::vector<mailbox::Appended>> done) override {
        ++switches_.append_calls;
        const Fault fault = next_fault(appends.front().needs != mailbox::Needs::messaging);
        if (fault == Fault::none) {
            return ForwardingStore::append(std::move(appends), std::move(done));
        }
        std::vector<mailbox::Appended> answers(appends.size());
        for (auto& answer : answers) {
            answer.outcome = outcome_of(fault);
        }
        auto answer = [done = std::move(done), answers](std::vector<mailbox::Appended>) mutable {
            done(answers);
        };
        if (fault == Fault::ambiguous_stored) {
            return ForwardingStore::append(std::move(appends), std::move(answer));
        }
        post([answer = std::move(answer)]() mutable { answer({}); });
    }

    void submit_all(std::vector<Submission> submissions,
                    Done<std::vector<Submitted>> done) override {
        ++switches_.submit_calls;
        switches_.largest_submit = std::max(switches_.largest_submit, submissions.size());
        const Fault fault = next_fault(false);
        if (fault == Fault::none && !switches_.sent_away) {
            return ForwardingStore::submit_all(std::move(submissions), std::move(done));
        }
        std::vector<Submitted> busy(submissions.size());
        for (std::size_t i = 0; i < busy.size(); ++i) {
            busy[i].incoming.resize(submissions[i].incoming.size());
            for (auto& one : busy[i].incoming) {
                one.outcome = outcome_of(fault);
            }
        }
        if (fault == Fault::none) {
            // The incoming events are taken, and then the store goes away before `sent`.
            for (Submission& one : submissions) {
                one.finish = {};
            }
            auto partly = [done = std::move(done)](std::vector<Submitted> answers) mutable {
                for (Submitted& one : answers) {
                    one.sent.emplace();
                }
                done(std::move(answers));
            };
            return ForwardingStore::submit_all(std::move(submissions), std::move(partly));
        }
        auto answer = [done = std::move(done), busy](std::vector<Submitted>) mutable {
            done(busy);
        };
        if (fault == Fault::ambiguous_stored) {
            return ForwardingStore::submit_all(std::move(submissions), std::move(answer));
        }
        post([answer = std::move(answer)]() mutable { answer({}); });
    }

    void head(const MailboxId& mailbox, Done<Result<mailbox::Head>> done) override {
        ++switches_.head_calls;
        if (switches_.away) {
            return fail(std::move(done));
        }
        ForwardingStore::head(mailbox, std::move(done));
    }
    void read(const MailboxId& mailbox, std::optional<Cursor> after, mailbox::ReadLimit limit,
              Done<Result<mailbox::Read>> done) override {
        ++switches_.read_calls;
        if (switches_.away) {
            return fail(std::move(done));
        }
        if (switches_.hold_reads) {
            auto hold = [this, after, done = std::move(done)](Result<mailbox::Read> read) mutable {
                if (std::exchange(switches_.lagging_read, false)) {
                    read->events.clear();
                    read->through = after ? after->sequence : Sequence{};
                    read->more = false;
                }
                switches_.held_reads.push_back(
                    [done = std::move(done), read = std::move(read)]() mutable {
                        done(std::move(read));
                    });
            };
            return ForwardingStore::read(mailbox, std::move(after), limit, std::move(hold));
        }
        ForwardingStore::read(mailbox, std::move(after), limit, std::move(done));
    }
    void mark(const MailboxId& mailbox, Sequence sequence, Done<Result<void>> done) override {
        ++switches_.mark_calls;
        if (switches_.away || switches_.marks_lost) {
            return fail(std::move(done));
        }
        ForwardingStore::mark(mailbox, sequence, std::move(done));
    }
    void check(Done<Result<void>> done) override {
        if (switches_.away) {
            return fail(std::move(done));
        }
        ForwardingStore::check(std::move(done));
    }

  private:
    static mailbox::Outcome outcome_of(Fault fault) {
        return fault == Fault::busy ? mailbox::Outcome::busy : mailbox::Outcome::ambiguous;
    }

    Fault next_fault(bool is_sent) {
        if (switches_.away || (is_sent && switches_.sent_away)) {
            return Fault::busy;
        }
        if (switches_.appends.empty()) {
            return Fault::none;
        }
        const Fault fault = switches_.appends.front();
        switches_.appends.pop_front();
        return fault;
    }

    // In a later turn, and not at all once the store is gone.
    void post(Task task) {
        loop_.post([alive = std::weak_ptr<int>(alive_), task = std::move(task)]() mutable {
            if (!alive.expired()) {
                task();
            }
        });
    }
    template <typename D>
    void fail(D done) {
        post([done = std::move(done)]() mutable {
            done(unexpected(make_error(ErrorCode::server_error, "the store is away")));
        });
    }

    io::Loop& loop_;
    Switches& switches_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace parley::server
