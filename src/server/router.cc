#include "server/router.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace parley::server {
namespace {

// A batch stays well below what a store takes as one (kStoreBatchAppends), so that it is never
// split.
constexpr std::size_t kBatchRecipients = 1024;
constexpr std::size_t kBatchBytes = 2 * 1024 * 1024;
constexpr Duration kFirstRetry = 20ms;
constexpr Duration kLongestRetry = 1s;

bool all_final(const std::vector<mailbox::Appended>& outcomes) {
    return std::all_of(outcomes.begin(), outcomes.end(),
                       [](const mailbox::Appended& a) { return mailbox::is_final(a.outcome); });
}

bool any_held(const std::vector<mailbox::Appended>& outcomes) {
    return std::any_of(outcomes.begin(), outcomes.end(),
                       [](const mailbox::Appended& a) { return mailbox::is_held(a.outcome); });
}

}  // namespace

bool Lane::Item::accepted() const {
    return any_held(outcomes);
}

bool Lane::Item::finished() const {
    if (submission == nullptr) {
        return true;
    }
    if (!all_final(outcomes)) {
        return false;
    }
    return !accepted() || (sent && mailbox::is_final(sent->outcome));
}

Lane::Lane(Router& router, std::uint64_t number, LaneOwner& owner, SharedIdentity sender)
    : router_(router), number_(number), owner_(&owner), sender_(std::move(sender)) {}

std::uint32_t Lane::submit(wire::Submit submit) {
    if (over_ || draining_) {
        return 1;
    }
    Item item;
    item.arrived = router_.loop_.now();
    auto prepared = prepare_submission(sender_, submit, router_.limits_);
    if (prepared) {
        item.submission = std::move(prepared).value();
        item.outcomes.resize(item.submission->open.size());
        router_.messages_.received(item.submission->message.message_id, number_, sender_->mailbox,
                                   item.outcomes.size());
    } else {
        const MessageId& id = submit.message.message_id;
        router_.messages_.refused(id, prepared.error().description);
        item.refusal = refusal_of(id, prepared.error());
    }
    const auto recipients =
        static_cast<std::uint32_t>(std::max<std::size_t>(1, item.outcomes.size()));
    waiting_.push_back(std::move(item));
    if (batch_.empty()) {
        start();
    }
    return recipients;
}

void Lane::leave() {
    owner_ = nullptr;
    waiting_.clear();
    end_if_idle();
}

void Lane::drain() {
    draining_ = true;
    if (waiting_for_retry_) {
        retry_.reset();
        waiting_for_retry_ = false;
        give_up();
    } else {
        end_if_idle();
    }
}

// Takes from what waits as much as makes one batch.
void Lane::start() {
    PARLEY_ASSERT(batch_.empty());
    std::size_t recipients = 0;
    std::size_t bytes = 0;
    std::size_t taken = 0;
    while (taken < waiting_.size() && recipients < kBatchRecipients && bytes < kBatchBytes) {
        Item& item = waiting_[taken++];
        recipients += item.outcomes.size();
        if (item.submission != nullptr) {
            bytes += item.submission->body->size();
        }
        batch_.push_back(std::move(item));
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (batch_.empty()) {
        return end_if_idle();
    }
    if (recipients == 0) {
        return finish();
    }
    router_.metrics_.add(Metric::batches);
    submit_batch();
}

// The usual case: everything about the batch in one commit.
void Lane::submit_batch() {
    std::vector<mailbox::Store::Submission> submissions;
    for (const Item& item : batch_) {
        if (item.submission == nullptr) {
            continue;
        }
        submissions.push_back({incoming_appends(*item.submission, router_.keys_),
                               [submission = item.submission](auto outcomes) {
                                   return sent_append(*submission, outcomes);
                               }});
    }
    router_.store_.submit_all(std::move(submissions),
                              [this](auto submitted) { on_submitted(std::move(submitted)); });
}

void Lane::on_submitted(std::vector<mailbox::Store::Submitted> submitted) {
    std::size_t next = 0;
    for (Item& item : batch_) {
        if (item.submission == nullptr) {
            continue;
        }
        PARLEY_ASSERT(next < submitted.size());
        PARLEY_ASSERT(submitted[next].incoming.size() == item.outcomes.size());
        item.outcomes = std::move(submitted[next].incoming);
        item.sent = submitted[next].sent;
        ++next;
    }
    next_step();
}

// Goes on from what is known of the batch: more to be stored, a fault to be repeated, or the end.
void Lane::next_step() {
    const bool incoming_final = std::all_of(batch_.begin(), batch_.end(),
                                            [](const Item& i) { return all_final(i.outcomes); });
    if (!incoming_final) {
        return on_fault();
    }
    const bool finished =
        std::all_of(batch_.begin(), batch_.end(), [](const Item& i) { return i.finished(); });
    if (finished) {
        return finish();
    }
    const bool untried = std::any_of(batch_.begin(), batch_.end(),
                                     [](const Item& i) { return i.accepted() && !i.sent; });
    if (untried) {
        return append_sent(Step::sent, batch_.size());
    }
    on_fault();
}

// Gives the store every recipient that has no final answer yet, in order: within a mailbox none is
// stored if an earlier one was not (R6).
void Lane::append_open() {
    std::vector<mailbox::Append> appends;
    places_.clear();
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        if (batch_[i].submission == nullptr) {
            continue;
        }
        std::vector<mailbox::Append> all = incoming_appends(*batch_[i].submission, router_.keys_);
        for (std::size_t r = 0; r < all.size(); ++r) {
            const mailbox::Appended& known = batch_[i].outcomes[r];
            if (mailbox::is_final(known.outcome)) {
                continue;
            }
            appends.push_back(std::move(all[r]));
            places_.push_back({i, r});
        }
    }
    give(Step::incoming, std::move(appends));
}

// Gives the store the `sent` events of the first `items` of the batch that have somebody who
// accepted and none yet.
void Lane::append_sent(Step step, std::size_t items) {
    std::vector<mailbox::Append> appends;
    places_.clear();
    for (std::size_t i = 0; i < items; ++i) {
        const Item& item = batch_[i];
        if (item.submission == nullptr || !item.accepted()) {
            continue;
        }
        if (item.sent && mailbox::is_final(item.sent->outcome)) {
            continue;
        }
        appends.push_back(*sent_append(*item.submission, item.outcomes));
        places_.push_back({i, std::nullopt});
    }
    give(step, std::move(appends));
}

void Lane::give(Step step, std::vector<mailbox::Append> appends) {
    step_ = step;
    if (appends.empty()) {
        return step == Step::last_words ? answer_what_is_known() : next_step();
    }
    router_.store_.append(std::move(appends), [this](std::vector<mailbox::Appended> outcomes) {
        on_appended(outcomes);
    });
}

void Lane::on_appended(const std::vector<mailbox::Appended>& outcomes) {
    PARLEY_ASSERT(outcomes.size() == places_.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        Item& item = batch_[places_[i].item];
        if (places_[i].recipient) {
            item.outcomes[*places_[i].recipient] = outcomes[i];
        } else {
            item.sent = outcomes[i];
        }
    }
    if (step_ == Step::last_words) {
        return answer_what_is_known();
    }
    next_step();
}

void Lane::on_fault() {
    const Instant now = router_.loop_.now();
    router_.metrics_.add(Metric::store_faults);
    if (!fault_since_) {
        fault_since_ = now;
        backoff_ = kFirstRetry;
        router_.metrics_.add(Metric::batches_waiting);
        if (owner_ != nullptr) {
            owner_->store_away(true);
        }
    }
    if (draining_ || now - *fault_since_ >= router_.server_.submit_timeout) {
        return give_up();
    }
    waiting_for_retry_ = true;
    retry_ = router_.loop_.call_at(now + backoff_, [this] {
        waiting_for_retry_ = false;
        const bool incoming_final = std::all_of(
            batch_.begin(), batch_.end(), [](const Item& i) { return all_final(i.outcomes); });
        incoming_final ? append_sent(Step::sent, batch_.size()) : append_open();
    });
    backoff_ = std::min(backoff_ * 2, kLongestRetry);
}

void Lane::recovered() {
    if (!fault_since_) {
        return;
    }
    fault_since_.reset();
    router_.metrics_.add(Metric::batches_waiting, -1);
    if (owner_ != nullptr && !over_) {
        owner_->store_away(false);
    }
}

// The store did not come back in time. What it has taken of the first unfinished message and of
// those before is completed, once; those after it are not answered: their device submits them
// again, behind the unfinished one (R6).
void Lane::give_up() {
    std::size_t items = 0;
    while (items < batch_.size()) {
        if (!all_final(batch_[items++].outcomes)) {
            break;
        }
    }
    append_sent(Step::last_words, items);
}

void Lane::answer_what_is_known() {
    over_ = true;
    for (const Item& item : batch_) {
        count(item);
        if (owner_ != nullptr && item.submission == nullptr) {
            owner_->answered(item.refusal);
        } else if (owner_ != nullptr) {
            const bool held = item.sent && mailbox::is_held(item.sent->outcome);
            owner_->answered(result_of(*item.submission, item.outcomes, held));
        }
        if (!item.finished()) {
            break;
        }
    }
    recovered();
    batch_.clear();
    waiting_.clear();
    if (owner_ != nullptr) {
        owner_->gave_up(draining_
                            ? make_error(ErrorCode::draining, "the server is going down")
                            : make_error(ErrorCode::server_error, "the store does not answer"));
    }
    end_if_idle();
}

void Lane::finish() {
    for (const Item& item : batch_) {
        if (over_) {
            break;
        }
        count(item);
        if (owner_ == nullptr) {
            continue;
        }
        if (item.submission == nullptr) {
            owner_->answered(item.refusal);
        } else if (item.sent && !mailbox::is_held(item.sent->outcome)) {
            // The sender itself was erased or disabled meanwhile: nothing may be said of a message
            // that has no `sent` (R1).
            over_ = true;
            waiting_.clear();
            owner_->gave_up(item.sent->outcome == mailbox::Outcome::disabled
                                ? make_error(ErrorCode::refused_by_policy, "this user is disabled")
                                : make_error(ErrorCode::mailbox_reset, "this user was erased"));
        } else {
            owner_->answered(result_of(*item.submission, item.outcomes, item.sent.has_value()));
        }
    }
    recovered();
    batch_.clear();
    if (draining_ || over_ || waiting_.empty()) {
        return end_if_idle();
    }
    start();
}

// At the end of an item, however it ends.
void Lane::count(const Item& item) {
    if (router_.messages_.on()) {
        log(item);
    }
    Metrics& metrics = router_.metrics_;
    for (const mailbox::Appended& appended : item.outcomes) {
        if (mailbox::is_final(appended.outcome)) {
            metrics.add(metric_of(appended.outcome));
        }
        if (appended.outcome == mailbox::Outcome::stored) {
            metrics.add(Metric::events_incoming);
        }
    }
    if (item.sent && item.sent->outcome == mailbox::Outcome::stored) {
        metrics.add(Metric::events_sent);
    }
    if (!item.finished()) {
        return metrics.add(Metric::submissions_given_up);
    }
    metrics.add(item.submission != nullptr && item.accepted() ? Metric::submissions_accepted
                                                              : Metric::submissions_refused);
    if (item.submission != nullptr) {
        metrics.observe(Timing::accept_to_durable, router_.loop_.now() - item.arrived);
    }
}

void Lane::log(const Item& item) const {
    if (item.submission == nullptr) {
        return;
    }
    const Submission& submission = *item.submission;
    const MessageId& message = submission.message.message_id;
    for (std::size_t i = 0; i < item.outcomes.size(); ++i) {
        router_.messages_.answered(message, {sender_->mailbox.application, submission.open[i]},
                                   item.outcomes[i]);
    }
    if (item.sent) {
        router_.messages_.sent(message, sender_->mailbox, *item.sent);
    }
}

// Last call of whoever makes it: the lane may be gone afterwards.
void Lane::end_if_idle() {
    if (!batch_.empty()) {
        return;
    }
    if (owner_ == nullptr) {
        return router_.close(number_);
    }
    if (draining_) {
        owner_->drained();
    }
}

Lane& Router::open(std::uint64_t number, LaneOwner& owner, SharedIdentity sender) {
    auto& lane = lanes_[number];
    PARLEY_ASSERT(lane == nullptr);
    lane = std::make_unique<Lane>(*this, number, owner, std::move(sender));
    return *lane;
}

void Router::drain() {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, lane] : lanes_) {
        numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    for (const std::uint64_t number : numbers) {
        const auto found = lanes_.find(number);
        if (found != lanes_.end()) {
            found->second->drain();
        }
    }
}

}  // namespace parley::server
