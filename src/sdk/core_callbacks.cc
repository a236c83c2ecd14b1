#include "sdk/core.h"
#include "sdk/times.h"

#include <utility>

// From the engine's callbacks that are due to the app's, and back to the marks.
namespace parley::sdk {

void Core::on_callbacks_due() {
    fetch_callbacks();
}

void Core::fetch_callbacks() {
    const std::size_t room = callbacks_->room();
    if (engine_ == nullptr || !fetching_ || room == 0) {
        return;
    }
    auto due = engine_->next_callbacks(room);
    if (!due) {
        // They are still due: the next callback that is done asks again, or the next run.
        log_.error("callback.unreadable", {{"error", due.error().description}});
        return;
    }
    if (due->empty()) {
        return;
    }
    for (client::Callback& callback : *due) {
        push_callback(std::move(callback));
    }
    // Until none is left or there is no room; in turns of their own, because there can be many to
    // be passed over.
    post([this] { fetch_callbacks(); });
}

void Core::push_callback(client::Callback callback) {
    const std::uint64_t id = callback.id.value();
    using Delegate = MessageClientDelegate;
    if (auto* incoming = std::get_if<client::IncomingDue>(&callback.due)) {
        // Never reported as done, so it stays due for a later client.
        if (options_.keep_incoming) {
            return;
        }
        callbacks_->push_message(
            id, [this, message = make_message(std::move(incoming->message))](Delegate& delegate) {
                delegate.did_receive_incoming_message(message_client_, message);
            });
    } else if (auto* sent = std::get_if<client::SentDue>(&callback.due)) {
        callbacks_->push_message(
            id, [message = make_message(std::move(sent->message)),
                 recipient = std::move(sent->recipient).value()](Delegate& delegate) {
                delegate.message_sent(message, recipient);
            });
    } else if (auto* delivered = std::get_if<client::DeliveredDue>(&callback.due)) {
        MessageDeliveryInfo info{std::move(delivered->message).value(),
                                 std::move(delivered->recipient).value(),
                                 to_system(wall_time_from_ms(delivered->delivered_at_ms))};
        callbacks_->push_message(
            id, [info = std::move(info)](Delegate& delegate) { delegate.message_delivered(info); });
    } else if (auto* failed = std::get_if<client::FailedDue>(&callback.due)) {
        std::vector<MessageFailureInfo> failures;
        for (client::RecipientFailure& failure : failed->failures) {
            failures.push_back({failed->message.id.value(), std::move(failure.recipient).value(),
                                std::move(failure.error)});
        }
        callbacks_->push_message(id, [message = make_message(std::move(failed->message)),
                                      failures = std::move(failures)](Delegate& delegate) {
            delegate.message_delivery_failed(message, failures);
        });
    }
}

Message Core::make_message(client::Message message) {
    MessageContent content;
    content.message_id = std::move(message.id).value();
    for (UserId& recipient : message.recipients) {
        content.recipient_ids.push_back(std::move(recipient).value());
    }
    content.sender_id = std::move(message.sender).value();
    content.text = std::move(message.text);
    content.headers = std::move(message.headers);
    if (message.accepted_at_ms != 0) {
        content.timestamp = to_system(wall_time_from_ms(message.accepted_at_ms));
    }
    content.origin = weak_from_this();
    return MessageAccess::make(std::move(content));
}

void Core::report_done() {
    const std::vector<std::uint64_t> done = callbacks_->take_done();
    if (engine_ == nullptr) {
        return;
    }
    for (const std::uint64_t id : done) {
        engine_->callback_done(client::CallbackId(id));
    }
    fetch_callbacks();
}

void Core::run_on_executor() {
    const std::thread::id here = std::this_thread::get_id();
    try {
        options_.executor([weak = std::weak_ptr(callbacks_), here] {
            if (const auto callbacks = weak.lock()) {
                callbacks->run_batch(here);
            }
        });
    } catch (...) {
        log_.error("executor.threw");
    }
}

}  // namespace parley::sdk
