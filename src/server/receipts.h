#pragma once

#include "base/ids.h"
#include "base/log.h"
#include "base/time.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "server/append_keys.h"
#include "server/message_log.h"
#include "server/metrics.h"
#include "wire/stored_event.h"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace parley::server {

// An `incoming` event that a device has stored: what its sender is to be told.
struct Received {
    Sequence sequence;
    WallTime at;         // when it was accepted
    SharedBytes stored;  // it, well-formed
};

// "Everything up to `to` is safely on a device of the mailbox's user." `received` holds all
// `incoming` events after `from`, in order; with `from` equal to `to` (the cursor of a Hello)
// nothing is known about them.
struct Acknowledgement {
    Sequence from;
    Sequence to;
    Sequence mark;  // of the mailbox, when the session read its head; it may have moved on since
    std::vector<Received> received;
};

// Tells senders that a first device has what they sent (R3, R21): appends `delivered`, keyed, to
// the senders' mailboxes, and moves the receipt mark after those are durable. One mailbox at a time
// is a line of its own: an acknowledgement that comes while one is worked on waits. Lives on the
// loop where the mailbox's user is at home.
class Receipts {
  public:
    struct Options {
        // How long a mark may lag behind receipts that are durable: a crash meanwhile costs appends
        // that turn out to be known.
        Duration mark_delay = 100ms;
        // The same where nothing but the reading of events without receipts is at stake.
        Duration idle_mark_delay = 5s;
    };

    Receipts(io::Loop& loop, mailbox::Store& store, Options options, Metrics& metrics, Logger log);
    ~Receipts();

    void acknowledge(const MailboxId& mailbox, Acknowledgement acknowledgement);
    // The user's last session has gone: what is known of the mailbox is written and then forgotten.
    void leave(const MailboxId& mailbox);
    // Gives up what waits for the store, and writes the marks. What is lost is found again through
    // the next cursor.
    void drain();
    // True when nothing is under way.
    bool idle() const { return lines_.empty(); }

  private:
    class Line;
    void close(const MailboxId& mailbox);

    io::Loop& loop_;
    mailbox::Store& store_;
    const Options options_;
    Metrics& metrics_;
    Logger log_;
    const MessageLog messages_;
    AppendKeys keys_;
    bool draining_ = false;
    std::unordered_map<MailboxId, std::unique_ptr<Line>> lines_;
};

}  // namespace parley::server
