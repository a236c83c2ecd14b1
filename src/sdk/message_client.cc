#include "parley/message_client.h"

#include "sdk/ask.h"
#include "sdk/core.h"
#include "sdk/times.h"

#include <algorithm>

namespace parley {

MessageClientDelegate::~MessageClientDelegate() = default;

MessageClient::~MessageClient() = default;
void MessageClient::set_delegate(MessageClientDelegate* delegate) {
    core_.callbacks().set_message_delegate(delegate);
}
Result<void> MessageClient::send_message(const OutgoingMessage& message) {
    return core_.send_message(message);
}
Result<std::vector<OutboxEntry>> MessageClient::outbox(std::size_t first) const {
    return core_.outbox(first);
}
Result<void> MessageClient::cancel(std::string_view message_id) {
    return core_.cancel(message_id);
}
MessageLimits MessageClient::limits() const {
    return core_.limits();
}

namespace sdk {
namespace {

// How often terminate_gracefully() looks whether the outbox is empty: nothing tells it, since a
// callback about the last answer may wait behind the app's own.
constexpr auto kAnsweredCheck = std::chrono::milliseconds(20);
constexpr std::chrono::hours kLongestGrace(24 * 365);
// Entries read from the store at a time.
constexpr std::size_t kOutboxPage = 100;

}  // namespace

Result<void> Core::send_message(const OutgoingMessage& message) {
    OutgoingState& state = MessageAccess::state(message);
    if (state.sent.exchange(true)) {
        return unexpected(make_error(ErrorCode::message_stale,
                                     "this message was sent before (R11); make a copy of it with "
                                     "message_with_message and send that"));
    }
    client::OutgoingDraft draft;
    draft.id = MessageId(state.content.message_id);
    for (const std::string& recipient : state.content.recipient_ids) {
        draft.recipients.emplace_back(recipient);
    }
    draft.text = state.content.text;
    draft.headers = state.content.headers;
    draft.created_at_ms = to_ms(wall_.now());
    if (!state.copy_of.empty()) {
        // What another client decided says nothing about this one's chains.
        if (state.decider.lock().get() != this) {
            draft.copy_of = MessageId(state.copy_of);
        } else if (!state.chain.empty()) {
            draft.key = ChainKey(state.chain);
        }
    }
    state.content.origin = weak_from_this();
    std::optional<Result<void>> sent;
    if (!on_engine_thread()) {
        sent = ask_later<Result<void>>([&](Answer<Result<void>> answer) {
            post([this, draft = std::move(draft), answer = std::move(answer)]() mutable {
                if (engine_ != nullptr) {
                    engine_->send(std::move(draft), std::move(answer));
                }
            });
        });
    }
    if (!sent) {
        sent = unexpected(unavailable());
    }
    // The same id twice in one store is stale for good; anything else kept nothing and may be tried
    // again.
    if (!*sent && sent->error().code != ErrorCode::message_stale) {
        state.sent = false;
    }
    return *std::move(sent);
}

std::optional<std::string> Core::chain_for_copy_of(const std::string& message_id) {
    const auto key = ask([&]() -> std::optional<std::string> {
        if (engine_ == nullptr) {
            return std::nullopt;
        }
        auto asked = engine_->copy_key(MessageId(message_id));
        if (!asked) {
            return std::nullopt;
        }
        return *asked ? (*asked)->value() : std::string();
    });
    return key.value_or(std::nullopt);
}

Result<std::vector<OutboxEntry>> Core::outbox(std::size_t first) {
    auto listed = ask([&]() -> Result<std::vector<OutboxEntry>> {
        if (engine_ == nullptr) {
            return unexpected(unavailable());
        }
        std::vector<OutboxEntry> result;
        client::Order after;
        while (result.size() < first) {
            auto page = engine_->outbox(after, std::min(kOutboxPage, first - result.size()));
            if (!page) {
                return unexpected(std::move(page).error());
            }
            if (page->empty()) {
                break;
            }
            after = page->back().order;
            for (client::Entry& entry : *page) {
                result.push_back(make_entry(std::move(entry)));
            }
        }
        return result;
    });
    if (!listed) {
        return unexpected(unavailable());
    }
    return *std::move(listed);
}

OutboxEntry Core::make_entry(client::Entry entry) const {
    OutboxEntry result;
    result.retried_until = to_system(wall_.now()) + engine_->time_left(entry);
    result.message_id = std::move(entry.message.id).value();
    for (UserId& id : entry.message.recipients) {
        result.recipient_ids.push_back(std::move(id).value());
    }
    for (UserId& id : entry.open) {
        result.open_recipient_ids.push_back(std::move(id).value());
    }
    result.text = std::move(entry.message.text);
    result.headers = std::move(entry.message.headers);
    result.queued_at = to_system(wall_time_from_ms(entry.queued_wall_ms));
    result.submitted = entry.submitted_ms.has_value();
    return result;
}

Result<void> Core::cancel(std::string_view message_id) {
    auto cancelled = ask([this, id = MessageId(std::string(message_id))]() -> Result<void> {
        if (engine_ == nullptr) {
            return unexpected(unavailable());
        }
        return engine_->cancel(id);
    });
    if (!cancelled) {
        return unexpected(unavailable());
    }
    return *std::move(cancelled);
}

MessageLimits Core::limits() {
    const auto told = ask([this] { return engine_ == nullptr ? Limits{} : engine_->limits(); });
    const Limits limits = told.value_or(Limits{});
    return {limits.text_bytes, limits.header_bytes, limits.recipients, limits.recipient_bytes};
}

bool Core::wait_until_answered(std::chrono::milliseconds timeout) {
    if (on_engine_thread()) {
        return false;
    }
    // Bounded, so that no sum with a clock overflows.
    timeout = std::min(timeout, std::chrono::milliseconds(kLongestGrace));
    const auto answered = ask_later<bool>([&](Answer<bool> answer) {
        post([this, timeout, answer = std::move(answer)]() mutable {
            waiting_.push_back({loop_.now() + timeout, std::move(answer)});
            check_answered();
        });
    });
    return answered.value_or(false);
}

void Core::check_answered() {
    bool empty = false;
    if (engine_ != nullptr) {
        const auto first = engine_->outbox(client::Order{}, 1);
        empty = first && first->empty();
    }
    const auto over = [&](Waiting& waiting) {
        if (!empty && engine_ != nullptr && loop_.now() < waiting.until) {
            return false;
        }
        waiting.answer(empty);
        return true;
    };
    std::erase_if(waiting_, over);
    if (waiting_.empty()) {
        answered_timer_.reset();
    } else {
        answered_timer_ = loop_.call_at(loop_.now() + kAnsweredCheck, [this] { check_answered(); });
    }
}

}  // namespace sdk
}  // namespace parley
