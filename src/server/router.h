#pragma once

#include "base/limits.h"
#include "base/log.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "server/identity.h"
#include "server/message_log.h"
#include "server/metrics.h"
#include "server/submission.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace parley::server {

// What a lane tells the session that it belongs to. Called on the session's loop, also from within
// Lane::submit() and Lane::drain().
class LaneOwner {
  public:
    virtual ~LaneOwner() = default;
    // The result of the oldest unanswered submission.
    virtual void answered(wire::SubmitResult result) = 0;
    // While the store is away nothing more is to be read from the client.
    virtual void store_away(bool away) = 0;
    // What is not answered yet never will be: the session ends with this error.
    virtual void gave_up(const Error& error) = 0;
    // After drain(): nothing of the session is at the store any more.
    virtual void drained() = 0;
};

class Router;

// The submissions of one session on their way into the store, in order. One batch at a time is at
// the store; what comes meanwhile forms the next, which starts when all of this one is final: so no
// message can overtake an earlier one that the store could not take at first (R6). A passing fault
// is repeated here, with the same keys (spec/wire.md, 6).
class Lane {
  public:
    Lane(Router& router, std::uint64_t number, LaneOwner& owner, SharedIdentity sender);

    // Takes a submission over, to its end. Returns how many recipients it is for (at least 1), for
    // the sender's rate.
    std::uint32_t submit(wire::Submit submit);
    // The session has gone. The batch at the store is still carried through; what has not begun is
    // dropped (its device submits it again). The lane may be gone when this returns.
    void leave();
    // Begins nothing more; gives up at once what waits for the store to recover.
    void drain();

  private:
    struct Item {
        std::shared_ptr<const Submission> submission;  // null: refused, and `refusal` is the answer
        wire::SubmitResult refusal;
        std::vector<mailbox::Appended> outcomes;
        std::optional<mailbox::Appended> sent;
        Instant arrived{};
        bool finished() const;  // nothing is left to be stored
        bool accepted() const;  // by any recipient
    };
    // Where an append's answer belongs: a recipient of an item, or its `sent`.
    struct Place {
        std::size_t item = 0;
        std::optional<std::size_t> recipient;
    };
    enum class Step { incoming, sent, last_words };

    void start();
    void submit_batch();
    void on_submitted(std::vector<mailbox::Store::Submitted> submitted);
    void next_step();
    void append_open();
    void append_sent(Step step, std::size_t items);
    void give(Step step, std::vector<mailbox::Append> appends);
    void on_appended(const std::vector<mailbox::Appended>& outcomes);
    void on_fault();
    void recovered();
    void give_up();
    void finish();
    void answer_what_is_known();
    void count(const Item& item);
    void log(const Item& item) const;
    void end_if_idle();

    Router& router_;
    const std::uint64_t number_;
    LaneOwner* owner_;
    const SharedIdentity sender_;
    std::vector<Item> waiting_;  // bounded by the session's window

    // The batch; empty: nothing is at the store.
    std::vector<Item> batch_;
    Step step_ = Step::incoming;
    std::vector<Place> places_;           // of the appends under way
    std::optional<Instant> fault_since_;  // set: the store is away
    Duration backoff_{};
    io::Timer retry_;
    bool waiting_for_retry_ = false;
    bool draining_ = false;
    bool over_ = false;  // given up: nothing is answered any more
};

// The lanes of a loop's sessions.
class Router {
  public:
    Router(io::Loop& loop, mailbox::Store& store, const Limits& limits, const ServerLimits& server,
           Metrics& metrics, Logger log)
        : loop_(loop),
          store_(store),
          limits_(limits),
          server_(server),
          metrics_(metrics),
          messages_(log) {}

    // `number` is the session's. The lane lives until leave() was called and its batch is through;
    // the owner until leave().
    Lane& open(std::uint64_t number, LaneOwner& owner, SharedIdentity sender);
    // Makes the lanes whose sessions have gone end at once too.
    void drain();
    bool idle() const { return lanes_.empty(); }

  private:
    friend class Lane;
    void close(std::uint64_t number) { lanes_.erase(number); }

    io::Loop& loop_;
    mailbox::Store& store_;
    const Limits& limits_;
    const ServerLimits& server_;
    Metrics& metrics_;
    const MessageLog messages_;
    AppendKeys keys_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Lane>> lanes_;
};

}  // namespace parley::server
