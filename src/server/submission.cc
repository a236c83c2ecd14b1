#include "server/submission.h"

#include "base/assert.h"
#include "base/try.h"
#include "wire/stored_event.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace parley::server {
namespace {

void collapse(std::vector<UserId>& users) {
    if (users.size() < 2) {
        return;
    }
    std::vector<std::string_view> sorted;
    sorted.reserve(users.size());
    for (const UserId& user : users) {
        sorted.push_back(user.value());
    }
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) {
        return;
    }
    std::unordered_set<UserId> seen;
    seen.reserve(users.size());
    std::erase_if(users, [&](const UserId& user) { return !seen.insert(user).second; });
}

Result<void> check_open(const std::vector<UserId>& open, const std::vector<UserId>& all) {
    const std::unordered_set<UserId> known(all.begin(), all.end());
    for (const UserId& user : open) {
        if (known.contains(user)) {
            continue;
        }
        return unexpected(
            make_error(ErrorCode::invalid_argument,
                       "open_recipient_ids names a user who is not in recipient_ids"));
    }
    return {};
}

Error error_for(mailbox::Outcome outcome) {
    using mailbox::Outcome;
    switch (outcome) {
        case Outcome::no_user:
            return make_error(ErrorCode::recipient_unknown, "there is no such user");
        case Outcome::no_messaging:
            return make_error(ErrorCode::no_messaging, "this user has no instant messaging");
        case Outcome::over_quota:
            return make_error(ErrorCode::over_quota, "this user's mailbox is over its quota");
        case Outcome::disabled:
            return make_error(ErrorCode::refused_by_policy, "this user is disabled");
        case Outcome::stored:
        case Outcome::duplicate:
        case Outcome::busy:
        case Outcome::ambiguous:
            break;
    }
    return make_error(ErrorCode::server_error, "the store does not answer now");
}

}  // namespace

Result<std::shared_ptr<const Submission>> prepare_submission(const SharedIdentity& sender,
                                                             wire::Submit& submit,
                                                             const Limits& limits) {
    auto submission = std::make_shared<Submission>();
    wire::Message& message = submit.message;
    message.sender_id = sender->mailbox.user;
    message.accepted_at_ms = 0;
    if (message.key.value().empty()) {
        message.key = ChainKey(message.message_id.value());
    }
    collapse(message.recipient_ids);
    PARLEY_CHECK(wire::check_message(message, limits));
    if (!submit.open_recipient_ids.empty()) {
        collapse(submit.open_recipient_ids);
        PARLEY_CHECK(check_open(submit.open_recipient_ids, message.recipient_ids));
    } else if (message.recipient_ids.empty()) {
        return unexpected(make_error(ErrorCode::invalid_argument, "recipient_ids is empty"));
    }
    submission->sender = sender;
    submission->body = std::make_shared<const Bytes>(wire::encode_body(message));
    submission->open = std::move(submit.open_recipient_ids.empty() ? message.recipient_ids
                                                                   : submit.open_recipient_ids);
    message.text = {};
    message.headers.clear();
    message.recipient_ids = {};
    submission->incoming = std::make_shared<const Bytes>(wire::encode_incoming(message));
    submission->message = std::move(message);
    return std::shared_ptr<const Submission>(std::move(submission));
}

std::vector<mailbox::Append> incoming_appends(const Submission& submission, AppendKeys& keys) {
    std::vector<mailbox::Append> appends;
    appends.reserve(submission.open.size());
    for (const UserId& recipient : submission.open) {
        mailbox::Append append;
        append.mailbox = {submission.sender->mailbox.application, recipient};
        append.key = keys.incoming(submission.message.sender_id, submission.message.key, recipient);
        append.needs = mailbox::Needs::messaging;
        append.bytes = submission.incoming;
        append.body = submission.body;
        appends.push_back(std::move(append));
    }
    return appends;
}

std::optional<mailbox::Append> sent_append(const Submission& submission,
                                           std::span<const mailbox::Appended> outcomes) {
    PARLEY_ASSERT(outcomes.size() == submission.open.size());
    std::vector<UserId> some;
    std::span<const UserId> recipients = submission.open;
    if (!std::all_of(outcomes.begin(), outcomes.end(),
                     [](const mailbox::Appended& one) { return mailbox::is_held(one.outcome); })) {
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            if (mailbox::is_held(outcomes[i].outcome)) {
                some.push_back(submission.open[i]);
            }
        }
        recipients = some;
    }
    if (recipients.empty()) {
        return std::nullopt;
    }
    std::vector<std::int64_t> times;
    times.reserve(recipients.size());
    for (const mailbox::Appended& one : outcomes) {
        if (mailbox::is_held(one.outcome)) {
            times.push_back(to_ms(one.at));
        }
    }
    const std::int64_t newest = *std::max_element(times.begin(), times.end());
    mailbox::Append append;
    append.mailbox = submission.sender->mailbox;
    append.key =
        AppendKeys().sent(submission.message.sender_id, submission.message.key, recipients);
    append.needs = mailbox::Needs::user;
    append.bytes = std::make_shared<const Bytes>(wire::encode_sent(
        submission.message, newest, recipients, times, submission.sender->device));
    append.body = submission.body;
    return append;
}

wire::SubmitResult result_of(const Submission& submission,
                             std::span<const mailbox::Appended> outcomes, bool sent_held) {
    PARLEY_ASSERT(outcomes.size() == submission.open.size());
    wire::SubmitResult result;
    result.message_id = submission.message.message_id;
    result.recipients.reserve(outcomes.size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        wire::RecipientResult recipient;
        recipient.recipient_id = submission.open[i];
        if (!mailbox::is_held(outcomes[i].outcome)) {
            recipient.error = error_for(outcomes[i].outcome);
        } else if (!sent_held) {
            recipient.error = error_for(mailbox::Outcome::busy);
        } else {
            recipient.duplicate = outcomes[i].outcome == mailbox::Outcome::duplicate;
            recipient.accepted_at_ms = to_ms(outcomes[i].at);
            result.accepted_at_ms = std::max(result.accepted_at_ms, recipient.accepted_at_ms);
        }
        result.recipients.push_back(std::move(recipient));
    }
    return result;
}

wire::SubmitResult refusal_of(const MessageId& message, const Error& error) {
    wire::SubmitResult result;
    result.message_id = message;
    result.error = error;
    return result;
}

}  // namespace parley::server
