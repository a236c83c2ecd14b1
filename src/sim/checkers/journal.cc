#include "sim/checkers/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace parley::sim {
namespace {

// What clocks may differ by without anybody having changed them.
constexpr Duration kClockSlack = std::chrono::minutes(2);

// A callback that returned is marked done by then, unless the disk does not let it.
constexpr Duration kMarkedWithin = std::chrono::seconds(30);

template <typename... Kinds>
struct Overloaded : Kinds... {
    using Kinds::operator()...;
};
template <typename... Kinds>
Overloaded(Kinds...) -> Overloaded<Kinds...>;

}  // namespace

Journal::Journal(const Truth& truth, const SessionChecker& sessions, Verdict& verdict, World world)
    : truth_(truth), sessions_(sessions), verdict_(verdict), world_(std::move(world)) {}

void Journal::add_device(const DeviceTag& device) {
    heard_.resize(std::max(heard_.size(), device.index + 1));
    heard_[device.index].device = &device;
}

void Journal::on_process_start(const DeviceTag& device) {
    Heard& mine = heard(device);
    if (++mine.process == 1) {
        mine.joined_ms = to_ms(world_.store_time());
    }
}

void Journal::on_process_end(const DeviceTag& device, bool crashed) {
    Heard& mine = heard(device);
    // On a disk that does not let it no mark is made, however the process ends.
    const bool unmarked = world_.disk_disturbed(device.host);
    if (!crashed && !unmarked) {
        // What this process did not come to call is still due.
        for (const auto& [id, begun] : mine.this_process) {
            mine.repeatable.erase(id);
        }
    }
    for (auto& [id, begun] : mine.this_process) {
        if (unmarked || (crashed && world_.now() - begun.at < kMarkedWithin)) {
            mine.repeatable.insert_or_assign(id, std::move(begun.callback));
        }
    }
    mine.this_process.clear();
}

void Journal::on_send(const DeviceTag& device, const client::OutgoingDraft& draft) {
    ++counts_.messages;
    counts_.recipients += draft.recipients.size();
    Written message;
    message.device = &device;
    message.order = order_.size();
    message.at = world_.now();
    message.id = draft.id;
    for (const UserId& recipient : draft.recipients) {
        if (std::find(message.recipients.begin(), message.recipients.end(), recipient) ==
            message.recipients.end()) {
            message.recipients.push_back(recipient);
        }
        if (sessions_.welcomed_with_messaging(recipient)) {
            message.able.insert(recipient);
        }
    }
    message.text = draft.text;
    message.headers = draft.headers;
    message.inherited = draft.key;
    chains_[ChainKey(draft.id.value())].push_back(draft.id);
    if (draft.key) {
        chains_[*draft.key].push_back(draft.id);
    }
    order_.push_back(draft.id);
    written_.emplace(draft.id, std::move(message));
}

void Journal::on_send_returned(const DeviceTag& device, const client::OutgoingDraft& draft,
                               const Result<void>& result) {
    Written& message = written_.at(draft.id);
    if (result) {
        message.returned = true;
        return;
    }
    message.refused = true;
    // Between a final error of the session and the next start() the client takes nothing.
    const bool stopped = result.error().code == ErrorCode::wrong_state;
    if (!stopped && !world_.disk_disturbed(device.host)) {
        verdict_.broken("send", fmt::format("{} refuses {}: {}", device.host, draft.id.value(),
                                            result.error().description));
    }
}

void Journal::on_cancelled(const DeviceTag&, const MessageId& id) {
    ++counts_.cancelled;
    written_.at(id).cancelled = true;
}

// R11, as far as it shows from outside.
void Journal::on_copy(const DeviceTag& device, const MessageId& original,
                      const std::optional<ChainKey>& key) {
    ++counts_.copies;
    counts_.inherited += key ? 1 : 0;
    const Written* message = find(original);
    if (message == nullptr || message->device != &device || message->refused) {
        if (key) {
            verdict_.broken("R11",
                            fmt::format("{} lets a copy inherit from {}, which it did not send",
                                        device.host, original.value()));
        }
        return;
    }
    const bool all_told = std::all_of(message->recipients.begin(), message->recipients.end(),
                                      [&](const UserId& user) {
                                          const auto told = message->told.find(user);
                                          return told != message->told.end() && told->second.sent;
                                      });
    if (all_told && key) {
        verdict_.broken("R11",
                        fmt::format("{} lets a copy of {} inherit, though all were told sent",
                                    device.host, original.value()));
    }
    if (world_.clock_disturbed(device.host) || truth_.restores() > 0) {
        return;
    }
    const ChainKey chain =
        message->key.value_or(message->inherited.value_or(ChainKey(original.value())));
    const auto first = sessions_.first_submitted_ms(chain);
    const auto age = std::chrono::milliseconds(first ? to_ms(world_.store_time()) - *first : 0);
    const Duration limit = world_.dedupe_horizon - world_.retry_window;
    if (key && age > limit + kClockSlack) {
        verdict_.broken("R11",
                        fmt::format("{} lets a copy of {} inherit a key first submitted {} s ago",
                                    device.host, original.value(), age.count() / 1000));
    }
    const bool open = std::any_of(
        message->recipients.begin(), message->recipients.end(),
        [&](const UserId& user) { return truth_.incoming(user, device.user, chain) == nullptr; });
    // A submission may have been lost on its way: the device counts from then, which is after the
    // first message of the chain was written.
    const Written* beginning = find(MessageId(chain.value()));
    const Duration longest = world_.now() - (beginning != nullptr ? beginning : message)->at;
    const bool young = longest < std::min(limit, world_.retention) - kClockSlack;
    // The chain's key can have been outgrown when the original itself was sent; then it shows in
    // `key`.
    const bool certain = message->key.has_value() || !message->inherited;
    if (!key && message->returned && !message->cancelled && open && young && certain) {
        verdict_.broken("R11",
                        fmt::format("{} lets a copy of {} start a new chain, though {} s "
                                    "after the first it inherits",
                                    device.host, original.value(), longest.count() / 1000000));
    }
}

const Written* Journal::find(const MessageId& id) const {
    const auto found = written_.find(id);
    return found == written_.end() ? nullptr : &found->second;
}

std::vector<const Written*> Journal::chain(const ChainKey& key) const {
    std::vector<const Written*> result;
    const auto found = chains_.find(key);
    if (found == chains_.end()) {
        return result;
    }
    for (const MessageId& id : found->second) {
        const Written& message = written_.at(id);
        if (!message.key || *message.key == key) {
            result.push_back(&message);
        }
    }
    return result;
}

bool Journal::is_repeat(Heard& heard, const DeviceTag& device, const client::Callback& callback) {
    const auto again = heard.this_process.find(callback.id.value());
    if (again != heard.this_process.end()) {
        verdict_.broken("R8", fmt::format("{} is called twice in one process with callback {}",
                                          device.host, callback.id.value()));
    }
    const auto before = heard.repeatable.find(callback.id.value());
    const bool repeat = before != heard.repeatable.end() && before->second == callback;
    heard.this_process.insert_or_assign(callback.id.value(), Heard::Begun{world_.now(), callback});
    counts_.repeated += repeat ? 1 : 0;
    return repeat;
}

void Journal::on_told(const DeviceTag& device, const client::Callback& callback) {
    Heard& mine = heard(device);
    if (is_repeat(mine, device, callback)) {
        return;
    }
    std::visit(Overloaded{[&](const client::IncomingDue& due) { told_incoming(mine, due); },
                          [&](const client::SentDue& due) { told_sent(mine, due); },
                          [&](const client::DeliveredDue& due) { told_delivered(mine, due); },
                          [&](const client::FailedDue& due) { told_failed(mine, due); }},
               callback.due);
}

bool Journal::same_content(const client::Message& message, const Written& written) const {
    return message.text == written.text && message.headers == written.headers &&
           message.recipients == written.recipients && message.sender == written.device->user;
}

void Journal::told_incoming(Heard& heard, const client::IncomingDue& due) {
    ++counts_.incoming;
    const DeviceTag& device = *heard.device;
    const client::Message& message = due.message;
    const auto [place, first] =
        heard.incoming.try_emplace({message.sender, message.key}, message.id);
    if (!first) {
        verdict_.broken("R8", fmt::format("{} is shown {} twice, as {} before", device.host,
                                          message.id.value(), place->second.value()));
        return;
    }
    const Written* written = find(message.id);
    if (written == nullptr || !same_content(message, *written)) {
        verdict_.broken("R8", fmt::format("{} is shown {}, which nobody wrote so", device.host,
                                          message.id.value()));
        return;
    }
    if (std::find(written->recipients.begin(), written->recipients.end(), device.user) ==
        written->recipients.end()) {
        verdict_.broken("R23", fmt::format("{} is shown {}, which is not for it", device.host,
                                           message.id.value()));
    }
    const Truth::Incoming* event = truth_.incoming(device.user, message.sender, message.key);
    if (event == nullptr) {
        verdict_.broken("R1", fmt::format("{} is shown {} before it is durable", device.host,
                                          message.id.value()));
        return;
    }
    if (truth_.restores() > 0) {
        return;  // Sequences and times of what came before may be another lifetime's.
    }
    if (event->sequence <= heard.newest) {
        verdict_.broken(
            "R6", fmt::format("{} is shown {} (sequence {}) after sequence {}", device.host,
                              message.id.value(), event->sequence.value(), heard.newest.value()));
    }
    heard.newest = event->sequence;
    if (message.accepted_at_ms != event->at_ms) {
        verdict_.broken(
            "R2", fmt::format("{} is shown {} with a time of acceptance that is not the server's",
                              device.host, message.id.value()));
    }
}

void Journal::learn_key(Heard& heard, const MessageId& id, const ChainKey& key) {
    const auto found = written_.find(id);
    if (found != written_.end()) {
        found->second.key = key;
    }
    heard.key_of.insert_or_assign(id, key);
}

void Journal::told_sent(Heard& heard, const client::SentDue& due) {
    ++counts_.sent;
    const DeviceTag& device = *heard.device;
    const client::Message& message = due.message;
    const auto found = written_.find(message.id);
    if (found == written_.end() || !same_content(message, found->second)) {
        verdict_.broken("R2", fmt::format("{} is told that {} was sent, which nobody wrote so",
                                          device.host, message.id.value()));
        return;
    }
    learn_key(heard, message.id, message.key);
    const Truth::Incoming* event = truth_.incoming(due.recipient, device.user, message.key);
    // R5: on the device that sent, a receipt implies `sent`, and may come first.
    if (event == nullptr || (!truth_.sent(due.recipient, device.user, message.key) &&
                             !truth_.delivered(due.recipient, device.user, message.key))) {
        verdict_.broken("R1", fmt::format("{} is told that {} was sent to {} before it is durable",
                                          device.host, message.id.value(), due.recipient.value()));
        return;
    }
    if (message.accepted_at_ms != event->at_ms && truth_.restores() == 0) {
        verdict_.broken("R2",
                        fmt::format("{} is told that {} was sent to {} at {}, the server says {}",
                                    device.host, message.id.value(), due.recipient.value(),
                                    message.accepted_at_ms, event->at_ms));
    }
    Written& written = found->second;
    const bool own = written.device == &device;
    ToldState& told =
        own ? written.told[due.recipient] : heard.others[{message.key, due.recipient}];
    if (std::exchange(told.sent, true)) {
        verdict_.broken("R2", fmt::format("{} is told twice that {} was sent to {}", device.host,
                                          message.id.value(), due.recipient.value()));
    }
    if (written.cancelled) {
        verdict_.broken("R25", fmt::format("{} was cancelled, and sent", message.id.value()));
    }
}

void Journal::told_delivered(Heard& heard, const client::DeliveredDue& due) {
    ++counts_.delivered;
    const DeviceTag& device = *heard.device;
    const auto key = heard.key_of.find(due.message);
    const auto found = written_.find(due.message);
    if (key == heard.key_of.end() || found == written_.end()) {
        verdict_.broken(
            "R5", fmt::format("{} is told that {} was delivered to {}, and never that it was sent",
                              device.host, due.message.value(), due.recipient.value()));
        return;
    }
    const bool own = found->second.device == &device;
    ToldState& told =
        own ? found->second.told[due.recipient] : heard.others[{key->second, due.recipient}];
    if (!told.sent) {
        verdict_.broken("R5",
                        fmt::format("{} is told that {} was delivered to {} before it was sent",
                                    device.host, due.message.value(), due.recipient.value()));
    }
    if (std::exchange(told.delivered, true)) {
        verdict_.broken("R3", fmt::format("{} is told twice that {} was delivered to {}",
                                          device.host, due.message.value(), due.recipient.value()));
    }
    if (!truth_.delivered(due.recipient, device.user, key->second)) {
        verdict_.broken("R1",
                        fmt::format("{} is told that {} was delivered to {} before that is durable",
                                    device.host, due.message.value(), due.recipient.value()));
    }
}

void Journal::told_failed(Heard& heard, const client::FailedDue& due) {
    const DeviceTag& device = *heard.device;
    const auto found = written_.find(due.message.id);
    if (found == written_.end() || found->second.device != &device) {
        verdict_.broken("R4", fmt::format("{} is told that {} failed, which it did not send",
                                          device.host, due.message.id.value()));
        return;
    }
    Written& message = found->second;
    learn_key(heard, message.id, due.message.key);
    if (due.failures.empty() || !same_content(due.message, message)) {
        verdict_.broken("R4",
                        fmt::format("{} is told that {} failed, with another content or for nobody",
                                    device.host, message.id.value()));
    }
    for (const auto& failure : due.failures) {
        ++counts_.failed;
        ToldState& told = message.told[failure.recipient];
        if (told.failed || told.sent) {
            verdict_.broken("R4",
                            fmt::format("{} is told that {} failed for {} after {}", device.host,
                                        message.id.value(), failure.recipient.value(),
                                        told.sent ? "it was sent" : "it had failed"));
        }
        told.failed = failure.error.code;
        told.failed_ms = to_ms(world_.store_time());
        check_failure(heard, message, failure);
    }
}

void Journal::check_failure(const Heard& heard, const Written& message,
                            const client::RecipientFailure& failure) {
    const std::string what = fmt::format(
        "{}: {} fails for {} with {} ({})", heard.device->host, message.id.value(),
        failure.recipient.value(), static_cast<int>(failure.error.code), failure.error.description);
    switch (failure.error.code) {
        case ErrorCode::recipient_unknown:
        case ErrorCode::no_messaging:
            // R13: denied only from a current read.
            if (message.able.contains(failure.recipient) && truth_.restores() == 0) {
                verdict_.broken("R13", what + ", who could receive before it was sent");
            }
            break;
        case ErrorCode::timed_out:
            // R10: not before the window ends.
            // A copy that is put back has the clock of then, which leaps later (R17).
            if (truth_.restores() == 0 && !world_.clock_disturbed(heard.device->host) &&
                world_.now() - message.at + kClockSlack < world_.retry_window) {
                verdict_.broken("R10", what + ", before the end of its window");
            }
            break;
        case ErrorCode::over_quota:
            if (!world_.quotas) {
                verdict_.broken("R13", what);
            }
            break;
        default:
            verdict_.broken("R14", what);
    }
}

}  // namespace parley::sim
