#pragma once

#include "parley/export.h"
#include "parley/message.h"
#include "parley/result.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

class MessageClient;
namespace sdk {
class Core;
}

// Hears what happens to messages. Implemented by the app. (The original: SINMessageClientDelegate.)
//
// All calls come one at a time, in one order, on the callback thread (ClientOptions::callbacks),
// between Client::start() and Client::terminate(). Inside a call every function of the SDK may be
// called, also Client's destructor. The references are valid until the call returns; copy what is
// kept.
//
// Each event is told once: it is recorded on disk before the call and marked done after it. The one
// exception (spec/semantics.md, R8): when the process dies between the two, or the device loses
// power within seconds of it, the call comes again in the next run, with the same ids. So an app
// that keeps messages stores them under their message id, and checks before it inserts.
//
// An exception that leaves a call is caught and logged, and the call counts as done.
class PARLEY_EXPORT MessageClientDelegate {
  public:
    virtual ~MessageClientDelegate();

    // A message came in: live, or as history when a device connects that was away (up to 30 days)
    // or is new. Messages of one sender come in the order in which they were sent.
    virtual void did_receive_incoming_message(MessageClient& message_client,
                                              const Message& message) = 0;

    // The server has `message` safely for this recipient. Once per recipient, on every device of
    // the sender: also on those that did not send it, and later on those that were away. Then
    // message.timestamp() is the time at which it was accepted.
    virtual void message_sent(const Message& message, const std::string& recipient_id) = 0;

    // The first device of a recipient has it. Once per recipient, on every device of the sender,
    // after message_sent for the same recipient.
    virtual void message_delivered(const MessageDeliveryInfo& info) = 0;

    // The message failed for the recipients in `failures`, all those that failed at this moment;
    // the others are not affected. Each recipient is in one such call at most. Only on the device
    // that sent. Do not send `message` again: it is stale; OutgoingMessage::message_with_message
    // makes the copy to send, which makes sense in the network domain alone.
    //
    // When only the server's answer was lost, message_sent and message_delivered may still follow
    // for the same message id (R12).
    virtual void message_delivery_failed(const Message& message,
                                         const std::vector<MessageFailureInfo>& failures) = 0;
};

// A message that waits in the outbox.
struct OutboxEntry {
    std::string message_id;
    std::vector<std::string> recipient_ids;
    // Those not yet answered; never empty.
    std::vector<std::string> open_recipient_ids;
    std::string text;
    Headers headers;
    // When send_message took it, by this device's clock.
    std::chrono::system_clock::time_point queued_at;
    // When it fails with timed_out unless it is answered before, as far as the clocks can tell now.
    std::chrono::system_clock::time_point retried_until;
    // It was given to the server at least once: it can no longer be cancelled.
    bool submitted = false;
};

// Sends messages, and tells its delegate what happens to them and what comes in. (The original:
// SINMessageClient.)
//
// Owned by its Client, from Client::message_client(), and lives as long as that. Its functions may
// be called from any thread and inside callbacks; only a log callback must not call them.
class PARLEY_EXPORT MessageClient {
  public:
    // Sets who hears the events; nullptr: nobody. One at a time. Without a delegate events wait in
    // the local store, over restarts too, and come when one is set.
    //
    // The delegate is not owned and must live until it is replaced here or the client is gone. When
    // this returns no call to the old delegate runs or follows: called while one runs on another
    // thread, this waits for its return (so do not hold a lock that the delegate takes). Called
    // inside a callback it does not wait; the call that runs goes on to its end and is the last.
    void set_delegate(MessageClientDelegate* delegate);

    // Takes the message over. When this returns without error the message is in the outbox on disk:
    // it goes out by itself, in the order of these calls, whatever happens to connections, to this
    // process or to the server, until every recipient is answered or the retry window
    // (ClientOptions::retry_window) ends. The answers come through the delegate. Waits for the
    // disk, never for the network; needs no connection, and may be called before Client::start().
    //
    // Errors, after which nothing was kept and `message` can be sent again unless stale:
    // message_stale (this message object was sent before, see message_with_message),
    // invalid_argument (over a limit of the server in use), store_full, store_failed, wrong_state
    // (between Client::terminate() and Client::start(), and after Client::log_out()).
    Result<void> send_message(const OutgoingMessage& message);

    // What waits in the outbox, in the order in which it goes out; with `first` the oldest `first`
    // entries alone. Waits for the disk. Errors: store_failed, wrong_state.
    Result<std::vector<OutboxEntry>> outbox(std::size_t first = 1000) const;

    // Takes a message out of the outbox, as if it had never been sent; no callback follows.
    // Possible until it was first given to the server. Errors: too_late (it was, or it is not in
    // the outbox), store_full, store_failed, wrong_state.
    Result<void> cancel(std::string_view message_id);

    // What the server allowed when this device was last connected; before the first time the
    // defaults.
    MessageLimits limits() const;

    MessageClient(const MessageClient&) = delete;
    MessageClient& operator=(const MessageClient&) = delete;
    ~MessageClient();

  private:
    friend class sdk::Core;
    explicit MessageClient(sdk::Core& core) : core_(core) {}
    sdk::Core& core_;
};

}  // namespace parley
