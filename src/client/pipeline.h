#pragma once

#include "client/local_store.h"
#include "wire/frames.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace parley::client {

// What leaves in this turn, once the turn is durable.
struct Planned {
    std::optional<std::size_t>
        draft;  // its place in Turn::drafts, where it comes straight from there
    Order order;
    MessageId id;
    wire::Submit submit;
    std::size_t bytes = 0;
};

// The outbox's way through one session after the other: which entries are under way, which come
// next, and how many fit the window. Order is that of send_message (R6): a session begins with the
// first open entry, so that what was unanswered in the one before is submitted again first.
class Pipeline {
  public:
    // What an entry must keep to be submitted now.
    struct Terms {
        const Limits* limits = nullptr;
        std::chrono::milliseconds window{};
        std::int64_t server_ms = 0;
    };

    void begin_session();
    void end_session();

    // Chooses the next entries. Those not submitted before are added to turn.submitted, and those
    // that may not be submitted (any more) to turn.failures. Entries that the turn fails already
    // are passed over.
    Result<void> plan(LocalStore& store, const Terms& terms, Turn& turn);
    // A new draft may leave straight away: nothing waits before it, and there is room.
    bool plan_draft(const Terms& terms, Turn& turn, std::size_t index);
    // The turn is durable: what was planned is under way now. A copy may have fewer open recipients
    // than was thought.
    std::vector<wire::Submit> started(const TurnOutcome& outcome);
    // The turn did not become durable. True: the session can go on, only drafts were lost.
    bool abandon();
    // There is more to plan, and room for it.
    bool wants_more(const Limits& limits) const;

    // The oldest submission was answered. False: that is not the one.
    bool answered(const MessageId& id);
    std::optional<MessageId> first_unanswered() const;
    bool idle() const { return under_way_.empty() && !backlog_; }

  private:
    struct UnderWay {
        MessageId id;
        std::size_t bytes = 0;
    };
    bool fits(const Limits& limits, std::size_t bytes) const;
    // Why an entry may not be submitted now.
    static std::optional<Error> obstacle(const Entry& entry, const wire::Submit& submit,
                                         std::size_t bytes, const Terms& terms);

    std::deque<UnderWay> under_way_;
    std::size_t bytes_ = 0;  // of all under way and planned
    std::vector<Planned> planned_;
    Order position_;        // all open entries up to here are under way in this session
    Order planned_from_;    // where it stood before the turn's plan
    bool backlog_ = true;   // there may be open entries behind it
    bool stalled_ = false;  // the next one waits for an answer to make room
};

// The end of the retry window (R10).
Error window_ended();

}  // namespace parley::client
