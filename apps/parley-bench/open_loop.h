#pragma once

#include "histogram.h"
#include "schedule.h"
#include "tally.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace parley::bench {

// Which messages of an open loop are to be sent: what is due, as far as the senders' sessions have
// room for it, and the rest when answers make room. Sans I/O: its owner says what time it is and
// sends. `room` is how many messages of a session may wait for an answer.
class OpenLoop {
  public:
    OpenLoop(const Schedule& schedule, std::size_t senders)
        : schedule_(schedule), senders_(senders) {
        for (std::size_t i = 0; i < senders; ++i) {
            senders_[i].unsent = i;
        }
    }

    // Goes through all that is due by now and before the measurement ends: send(sender, due), if
    // the session has room. For each of these, sent or not, that is measured, `late` gets how long
    // ago it was due, in microseconds: the generator's own delay. What a message then waits behind
    // a full session is the server's. Returns when the next is due.
    template <typename Send>
    Nanos send_due(Nanos now, const Window& window, std::uint32_t room, Histogram& late,
                   Send send) {
        const Nanos until = window.until.load(std::memory_order_relaxed);
        const std::uint64_t end = schedule_.due_before(std::min(now + 1, until));
        for (; scheduled_ < end; ++scheduled_) {
            const auto index = static_cast<std::uint32_t>(scheduled_ % senders_.size());
            Sender& sender = senders_[index];
            if (const Nanos due = schedule_.due(scheduled_); window.holds(due)) {
                late.record((now - due) / 1000);
            }
            if (sender.unsent == scheduled_ && sender.unanswered < room) {
                send_next(index, send);
            }
        }
        return schedule_.due(scheduled_);
    }

    // One message of this sender was answered: send(sender, due) for what was held back.
    template <typename Send>
    void answered(std::uint32_t index, std::uint32_t room, Send send) {
        Sender& sender = senders_[index];
        --sender.unanswered;
        while (sender.unsent < scheduled_ && sender.unanswered < room) {
            send_next(index, send);
        }
    }

    bool holds_back() const {
        return std::any_of(senders_.begin(), senders_.end(),
                           [this](const Sender& sender) { return sender.unsent < scheduled_; });
    }

    // each(due) for what was due before this moment and is not sent.
    template <typename Each>
    void for_each_unsent(Nanos until, Each each) const {
        const std::uint64_t end = schedule_.due_before(until);
        for (const Sender& sender : senders_) {
            for (std::uint64_t n = sender.unsent; n < end; n += senders_.size()) {
                each(schedule_.due(n));
            }
        }
    }

  private:
    struct Sender {
        std::uint64_t unsent = 0;  // the number of its first unsent message
        std::uint32_t unanswered = 0;
    };

    template <typename Send>
    void send_next(std::uint32_t index, Send& send) {
        Sender& sender = senders_[index];
        const Nanos due = schedule_.due(sender.unsent);
        ++sender.unanswered;
        sender.unsent += senders_.size();
        send(index, due);
    }

    Schedule schedule_;
    std::vector<Sender> senders_;
    std::uint64_t scheduled_ = 0;  // how many were due so far
};

}  // namespace parley::bench
