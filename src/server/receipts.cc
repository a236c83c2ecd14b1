#include "server/receipts.h"

#include "base/assert.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace parley::server {
namespace {

constexpr std::size_t kChunk = 256;  // receipts per append, events per read
constexpr std::size_t kFactsKept =
    1024;  // of acknowledgements that wait; beyond it the store is read instead
constexpr Duration kFirstRetry = 20ms;
constexpr Duration kLongestRetry = 1s;

wire::ReceiptFacts facts_of(const Received& received) {
    const auto facts = wire::receipt_facts(*received.stored, wire::BytesFrom::this_process);
    PARLEY_ASSERT(facts && *facts);
    return **facts;
}

}  // namespace

// The receipts of one mailbox, in order.
class Receipts::Line {
  public:
    // A mark that is not the newest costs receipts that turn out to be known.
    Line(Receipts& owner, MailboxId mailbox, Sequence mark)
        : owner_(owner), mailbox_(std::move(mailbox)), stored_mark_(mark), done_(mark) {}

    void acknowledge(Acknowledgement acknowledgement);
    void leave();
    void drain();

  private:
    void work();
    bool facts_reach() const { return facts_from_ <= done_ && done_ < facts_to_; }
    void take_facts();
    void read();
    void on_read(Result<mailbox::Read> read, Sequence asked);
    void append(std::vector<Received> received, Sequence through);
    mailbox::Append receipt_for(const Received& received) const;
    void give();
    void on_appended(const std::vector<mailbox::Appended>& outcomes);
    void log(const Received& received, const mailbox::Appended& outcome) const;
    void advance(Sequence through);
    void retry(void (Line::*step)());
    void recovered() { backoff_ = kFirstRetry; }
    // Leaves the rest to the next cursor.
    void give_up() {
        target_ = done_;
        owner_.metrics_.add(Metric::receipts_waiting, -static_cast<std::int64_t>(open_.size()));
        open_.clear();
    }
    void schedule_mark();
    void write_mark();
    void on_marked(const Result<void>& marked);
    void rest();

    Receipts& owner_;
    const MailboxId mailbox_;
    bool leaving_ = false;
    Sequence stored_mark_;
    Sequence done_;    // every receipt up to here is durable; the mark follows
    Sequence target_;  // acknowledged up to here
    // What is known without reading: all `incoming` events in (facts_from_, facts_to_].
    Sequence facts_from_;
    Sequence facts_to_;
    std::vector<Received> facts_;

    bool working_ = false;
    std::vector<Received> open_;  // whose receipts are under way, but for those that are final
    Sequence through_;            // where done_ goes when they all are
    bool receipts_done_ = false;  // since the mark was last written
    bool marking_ = false;
    Duration backoff_ = kFirstRetry;
    io::Timer retry_;
    io::Timer mark_timer_;
    bool mark_timer_set_ = false;
    Instant mark_due_{};
};

void Receipts::Line::acknowledge(Acknowledgement acknowledgement) {
    leaving_ = owner_.draining_;
    if (acknowledgement.to <= target_) {
        return;
    }
    target_ = acknowledgement.to;
    const bool has_facts = acknowledgement.from < acknowledgement.to;
    if (has_facts && facts_to_ <= done_) {
        // Nothing older waits: this is all that is known.
        facts_.clear();
        facts_from_ = acknowledgement.from;
        facts_to_ = acknowledgement.from;
    }
    const bool joins = acknowledgement.from <= facts_to_;
    if (has_facts && joins && facts_.size() + acknowledgement.received.size() <= kFactsKept) {
        for (Received& received : acknowledgement.received) {
            if (received.sequence > facts_to_) {
                facts_.push_back(std::move(received));
            }
        }
        facts_to_ = acknowledgement.to;
    }
    if (!working_) {
        work();
    }
}

void Receipts::Line::leave() {
    leaving_ = true;
    if (working_) {
        return;
    }
    write_mark();
    rest();
}

void Receipts::Line::drain() {
    leaving_ = true;
    if (retry_.armed()) {
        retry_.reset();
        working_ = false;
        give_up();
    }
    if (working_) {
        return;
    }
    write_mark();
    rest();
}

void Receipts::Line::work() {
    working_ = false;
    if (target_ <= done_) {
        schedule_mark();
        rest();
    } else if (facts_reach()) {
        take_facts();
    } else {
        read();
    }
}

// The usual case: the session that acknowledged knows what it was sent.
void Receipts::Line::take_facts() {
    std::size_t skip = 0;
    while (skip < facts_.size() && facts_[skip].sequence <= done_) {
        ++skip;
    }
    const std::size_t end = std::min(skip + kChunk, facts_.size());
    const Sequence through = end < facts_.size() ? facts_[end - 1].sequence : facts_to_;
    std::vector<Received> chunk(
        std::make_move_iterator(facts_.begin() + static_cast<std::ptrdiff_t>(skip)),
        std::make_move_iterator(facts_.begin() + static_cast<std::ptrdiff_t>(end)));
    facts_.erase(facts_.begin(), facts_.begin() + static_cast<std::ptrdiff_t>(end));
    facts_from_ = through;
    append(std::move(chunk), through);
}

void Receipts::Line::read() {
    working_ = true;
    std::optional<Cursor> after;
    if (done_ > Sequence{}) {
        after = Cursor{owner_.store_.epoch(), done_};
    }
    mailbox::ReadLimit limit;
    limit.events = kChunk;
    owner_.store_.read(
        mailbox_, std::move(after), limit,
        [this, asked = target_](Result<mailbox::Read> read) { on_read(std::move(read), asked); });
}

// `asked`: acknowledged when the reading began, so the reading has seen all up to there. What was
// acknowledged since may lie beyond what it saw (R21).
void Receipts::Line::on_read(Result<mailbox::Read> read, Sequence asked) {
    if (!read) {
        return retry(&Line::read);
    }
    recovered();
    std::vector<Received> received;
    for (const mailbox::StoredEvent& event : read->events) {
        // After an erase the reading begins at the start, and shows less than was asked for: never
        // more.
        if (event.sequence <= done_ || event.sequence > asked) {
            continue;
        }
        auto facts = wire::receipt_facts(*event.bytes);
        if (!facts) {
            owner_.log_.error("receipt.unreadable", {{"sequence", event.sequence.value()}});
        } else if (*facts) {
            received.push_back({event.sequence, event.at, event.bytes});
        }
    }
    append(std::move(received), read->more ? std::min(read->through, asked) : asked);
}

void Receipts::Line::append(std::vector<Received> received, Sequence through) {
    through_ = through;
    open_ = std::move(received);
    if (open_.empty()) {
        advance(through_);
        return work();
    }
    owner_.metrics_.add(Metric::receipts_waiting, static_cast<std::int64_t>(open_.size()));
    give();
}

mailbox::Append Receipts::Line::receipt_for(const Received& received) const {
    const wire::ReceiptFacts facts = facts_of(received);
    mailbox::Append append;
    append.key = owner_.keys_.delivered(facts.sender_id, facts.key, mailbox_.user);
    append.mailbox = {mailbox_.application, UserId(std::string(facts.sender_id))};
    append.needs = mailbox::Needs::user;
    append.bytes = std::make_shared<const Bytes>(
        wire::encode_delivered(facts.message_id, mailbox_.user, facts.key, to_ms(received.at)));
    return append;
}

void Receipts::Line::give() {
    working_ = true;
    std::vector<mailbox::Append> appends;
    appends.reserve(open_.size());
    for (const Received& received : open_) {
        appends.push_back(receipt_for(received));
    }
    owner_.store_.append(std::move(appends), [this](std::vector<mailbox::Appended> outcomes) {
        on_appended(outcomes);
    });
}

void Receipts::Line::on_appended(const std::vector<mailbox::Appended>& outcomes) {
    PARLEY_ASSERT(outcomes.size() == open_.size());
    std::vector<Received> again;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const mailbox::Outcome outcome = outcomes[i].outcome;
        if (!mailbox::is_final(outcome)) {
            again.push_back(std::move(open_[i]));
        } else {
            // A sender who was erased is told nothing, and that is done too (R21).
            owner_.metrics_.add(mailbox::is_held(outcome) ? Metric::receipts_appended
                                                          : Metric::receipts_refused);
            owner_.metrics_.add(Metric::receipts_waiting, -1);
            log(open_[i], outcomes[i]);
            if (outcome == mailbox::Outcome::stored) {
                owner_.metrics_.add(Metric::events_delivered);
            }
        }
    }
    open_ = std::move(again);
    if (!open_.empty()) {
        return retry(&Line::give);
    }
    recovered();
    receipts_done_ = true;
    advance(through_);
    work();
}

void Receipts::Line::log(const Received& received, const mailbox::Appended& outcome) const {
    if (owner_.messages_.on()) {
        const wire::ReceiptFacts facts = facts_of(received);
        owner_.messages_.receipted(facts.message_id,
                                   {mailbox_.application, UserId(std::string(facts.sender_id))},
                                   outcome);
    }
}

void Receipts::Line::advance(Sequence through) {
    done_ = std::max(done_, through);
}

void Receipts::Line::retry(void (Line::*step)()) {
    owner_.metrics_.add(Metric::store_faults);
    if (owner_.draining_) {
        give_up();
        return work();
    }
    retry_ = owner_.loop_.call_at(owner_.loop_.now() + backoff_, [this, step] {
        retry_.reset();
        (this->*step)();
    });
    backoff_ = std::min(backoff_ * 2, kLongestRetry);
}

void Receipts::Line::schedule_mark() {
    if (marking_ || done_ <= stored_mark_) {
        return;
    }
    const Duration delay =
        receipts_done_ ? owner_.options_.mark_delay : owner_.options_.idle_mark_delay;
    if (leaving_ || delay == Duration::zero()) {
        return write_mark();
    }
    const Instant due = owner_.loop_.now() + delay;
    if (mark_timer_set_ && mark_due_ <= due) {
        return;
    }
    mark_timer_set_ = true;
    mark_due_ = due;
    mark_timer_ = owner_.loop_.call_at(due, [this] {
        mark_timer_set_ = false;
        write_mark();
        rest();
    });
}

// R21: called with done_ only, which never passes a receipt that is not durable.
void Receipts::Line::write_mark() {
    if (marking_ || done_ <= stored_mark_) {
        return;
    }
    mark_timer_.reset();
    mark_timer_set_ = false;
    marking_ = true;
    receipts_done_ = false;
    stored_mark_ = done_;
    owner_.metrics_.add(Metric::marks);
    owner_.store_.mark(mailbox_, done_, [this](Result<void> marked) { on_marked(marked); });
}

void Receipts::Line::on_marked(const Result<void>& marked) {
    marking_ = false;
    // A mark that could not be written lags until the next one.
    if (!marked) {
        owner_.metrics_.add(Metric::store_faults);
    }
    if (!working_) {
        schedule_mark();
    }
    rest();
}

// Last call of whoever makes it: the line may be gone afterwards.
void Receipts::Line::rest() {
    if (leaving_ && !working_ && !marking_ && target_ <= done_) {
        owner_.close(mailbox_);
    }
}

Receipts::Receipts(io::Loop& loop, mailbox::Store& store, Options options, Metrics& metrics,
                   Logger log)
    : loop_(loop), store_(store), options_(options), metrics_(metrics), log_(log), messages_(log) {}

Receipts::~Receipts() = default;

void Receipts::acknowledge(const MailboxId& mailbox, Acknowledgement acknowledgement) {
    auto& line = lines_[mailbox];
    if (line == nullptr) {
        line = std::make_unique<Line>(*this, mailbox, acknowledgement.mark);
    }
    metrics_.add(Metric::acknowledgements);
    line->acknowledge(std::move(acknowledgement));
}

void Receipts::close(const MailboxId& mailbox) {
    lines_.erase(mailbox);
}

void Receipts::leave(const MailboxId& mailbox) {
    const auto found = lines_.find(mailbox);
    if (found != lines_.end()) {
        found->second->leave();
    }
}

void Receipts::drain() {
    draining_ = true;
    std::vector<MailboxId> mailboxes;
    for (const auto& [mailbox, line] : lines_) {
        mailboxes.push_back(mailbox);
    }
    std::sort(mailboxes.begin(), mailboxes.end());
    for (const MailboxId& mailbox : mailboxes) {
        const auto found = lines_.find(mailbox);
        if (found != lines_.end()) {
            found->second->drain();
        }
    }
}

}  // namespace parley::server
