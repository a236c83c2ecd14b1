#include "client/pipeline.h"

#include "client/convert.h"

#include <algorithm>
#include <string>
#include <utility>

namespace parley::client {
namespace {

// Entries read at once: bounds what a turn holds of the outbox in memory, together with the
// window's bytes.
constexpr std::size_t kEntriesAtOnce = 256;

}  // namespace

Error window_ended() {
    Error error = make_error(
        ErrorCode::timed_out,
        "the message was not accepted within its retry window; make a copy to try again");
    error.retryable = false;
    return error;
}

void Pipeline::begin_session() {
    end_session();
    position_ = planned_from_ = Order();
    backlog_ = true;
}

void Pipeline::end_session() {
    under_way_.clear();
    planned_.clear();
    bytes_ = 0;
    stalled_ = false;
}

bool Pipeline::wants_more(const Limits& limits) const {
    // Filled up again when half is free: one transaction marks many entries.
    return backlog_ && !stalled_ && under_way_.size() <= limits.inflight_submissions / 2 &&
           bytes_ <= limits.inflight_bytes / 2;
}

bool Pipeline::abandon() {
    bool only_drafts = true;
    for (const Planned& planned : planned_) {
        bytes_ -= planned.bytes;
        only_drafts = only_drafts && planned.draft.has_value();
    }
    planned_.clear();
    // What was passed over because the turn failed it was not failed.
    backlog_ = backlog_ || position_ != planned_from_;
    position_ = planned_from_;
    return only_drafts;
}

bool Pipeline::fits(const Limits& limits, std::size_t bytes) const {
    const std::size_t count = under_way_.size() + planned_.size();
    return count == 0 ||
           (count < limits.inflight_submissions && bytes_ + bytes <= limits.inflight_bytes);
}

std::optional<Error> Pipeline::obstacle(const Entry& entry, const wire::Submit& submit,
                                        std::size_t bytes, const Terms& terms) {
    // R9: by the server's clock too; beyond the horizon the server may have forgotten the chain
    // (R8).
    const std::int64_t horizon = std::chrono::milliseconds(terms.limits->dedupe_horizon).count();
    if ((entry.submitted_ms && terms.server_ms - *entry.submitted_ms >= terms.window.count()) ||
        (entry.chain_submitted_ms && terms.server_ms - *entry.chain_submitted_ms >= horizon)) {
        return window_ended();
    }
    // R13: the limits may have changed since the message was taken.
    if (auto checked = wire::check_message(submit.message, *terms.limits); !checked) {
        return checked.error();
    }
    if (bytes > terms.limits->frame_bytes) {
        return make_error(ErrorCode::invalid_argument,
                          "the message takes " + std::to_string(bytes) +
                              " bytes in all; the server takes up to " +
                              std::to_string(terms.limits->frame_bytes));
    }
    return std::nullopt;
}

Result<void> Pipeline::plan(LocalStore& store, const Terms& terms, Turn& turn) {
    const Limits& limits = *terms.limits;
    planned_from_ = position_;
    if (!wants_more(limits)) {
        return {};
    }
    const std::size_t room =
        std::max<std::size_t>(1, limits.inflight_submissions - under_way_.size());
    auto entries =
        store.entries(position_, std::min(room, kEntriesAtOnce), limits.inflight_bytes - bytes_);
    if (!entries) {
        return unexpected(std::move(entries).error());
    }
    backlog_ = !entries->empty();
    for (Entry& entry : *entries) {
        const bool failed = std::any_of(
            turn.failures.begin(), turn.failures.end(),
            [&](const EntryFailure& failure) { return failure.message == entry.message.id; });
        if (failed) {
            position_ = entry.order;
            continue;
        }
        wire::Submit submit = to_submit(entry.message, entry.open);
        const std::size_t bytes = wire::submit_frame_size(submit);
        if (auto error = obstacle(entry, submit, bytes, terms)) {
            turn.failures.push_back({entry.message.id, std::move(*error)});
            position_ = entry.order;
            continue;
        }
        if (!fits(limits, bytes)) {
            stalled_ = true;
            break;
        }
        if (!entry.submitted_ms) {
            turn.submitted.push_back(entry.order);
        }
        bytes_ += bytes;
        position_ = entry.order;
        planned_.push_back({std::nullopt, entry.order, entry.message.id, std::move(submit), bytes});
    }
    return {};
}

bool Pipeline::plan_draft(const Terms& terms, Turn& turn, std::size_t index) {
    if (backlog_) {
        return false;
    }
    Draft& draft = turn.drafts[index];
    wire::Submit submit = to_submit(draft.message, draft.message.recipients);
    if (draft.message.key.value() != draft.message.id.value()) {
        // A copy may turn out to have fewer open recipients, which are then named: the larger frame
        // is reserved.
        submit.open_recipient_ids = draft.message.recipients;
    }
    const std::size_t bytes = wire::submit_frame_size(submit);
    submit.open_recipient_ids.clear();
    if (bytes > terms.limits->frame_bytes || !fits(*terms.limits, bytes)) {
        backlog_ = true;
        return false;
    }
    draft.submit_now = true;
    bytes_ += bytes;
    planned_.push_back({index, Order(), draft.message.id, std::move(submit), bytes});
    return true;
}

std::vector<wire::Submit> Pipeline::started(const TurnOutcome& outcome) {
    std::vector<wire::Submit> frames;
    for (Planned& planned : planned_) {
        if (planned.draft) {
            const DraftOutcome& draft = outcome.drafts[*planned.draft];
            if (draft.error || draft.open.empty()) {
                bytes_ -= planned.bytes;
                position_ = draft.error ? position_ : draft.order;
                continue;
            }
            // The store has the last word on the key and on who is open (R11, R12).
            wire::Message& message = planned.submit.message;
            message.key = draft.key.value() == message.message_id.value() ? ChainKey() : draft.key;
            if (draft.open.size() < message.recipient_ids.size()) {
                planned.submit.open_recipient_ids = draft.open;
            }
            const std::size_t bytes = wire::submit_frame_size(planned.submit);
            bytes_ = bytes_ - planned.bytes + bytes;
            planned.bytes = bytes;
            planned.order = draft.order;
        }
        position_ = std::max(position_, planned.order);
        under_way_.push_back({planned.id, planned.bytes});
        frames.push_back(std::move(planned.submit));
    }
    planned_.clear();
    return frames;
}

bool Pipeline::answered(const MessageId& id) {
    if (under_way_.empty() || under_way_.front().id != id) {
        return false;
    }
    bytes_ -= under_way_.front().bytes;
    under_way_.pop_front();
    stalled_ = false;
    return true;
}

std::optional<MessageId> Pipeline::first_unanswered() const {
    return under_way_.empty() ? std::nullopt : std::optional(under_way_.front().id);
}

}  // namespace parley::client
