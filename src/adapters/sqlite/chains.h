#pragma once

#include "adapters/sqlite/database.h"
#include "adapters/sqlite/inbox.h"
#include "client/local_store.h"

#include <cstdint>
#include <string>
#include <vector>

namespace parley::sqlite {

// In the column target.told: what an app has heard about one recipient of one message of this
// device.
inline constexpr std::int64_t kToldSent = 1;
inline constexpr std::int64_t kToldDelivered = 2;
inline constexpr std::int64_t kToldFailed = 4;
inline constexpr std::int64_t kCancelled = 8;
// The server's answer or its `sent` event was seen. A receipt alone does not settle: it tells that
// the recipient has the message, not that the sender's other devices will hear of it (R2), so the
// submission goes on.
inline constexpr std::int64_t kSettled = 16;
// A recipient with none of these is open: it is still to be submitted.
inline constexpr std::int64_t kClosed = kToldFailed | kCancelled | kSettled;

// What is known about (key, recipient), and what of it is told to whom: the rules R5, R8, R11 and
// R12. Works inside a transaction of its owner.
class Chains {
  public:
    Chains(Database& database, Inbox& inbox) : database_(database), inbox_(inbox) {}

    // When something of this happens, by the server's clock where that is known.
    void set_moment(const client::StoreClock& clock) { clock_ = clock; }

    void answer(const client::Answer& answer);
    // Fails what is still open of an entry.
    void fail(const client::EntryFailure& failure);
    void sent(const client::SentEvent& event, std::int64_t at_ms);
    void delivered(const client::DeliveredEvent& event, std::int64_t at_ms);
    void incoming(const client::IncomingEvent& event, std::int64_t at_ms);

    // What is known already about a pair when a copy of its chain is made.
    struct Pair {
        std::string id;
        std::optional<std::int64_t> accepted_at_ms;
        std::optional<std::int64_t> delivered_at_ms;
    };
    std::optional<Pair> find_pair(const std::string& key, const UserId& recipient);
    std::vector<UserId> open_recipients(std::int64_t order);

  private:
    struct Member {
        std::int64_t order = 0;
        std::string id;
    };
    std::vector<Member> members(const std::string& key);
    void sent_here(const std::vector<Member>& chain, const std::string& key,
                   const UserId& recipient, std::int64_t accepted_at_ms, std::int64_t settled);
    void delivered_here(const std::vector<Member>& chain, const std::string& key,
                        const UserId& recipient, std::int64_t at_ms);
    void sent_elsewhere(const client::SentEvent& event, std::int64_t at_ms);
    void delivered_elsewhere(const client::DeliveredEvent& event, std::int64_t at_ms);
    // Adds to what is told or settled. True: the told state among it was not told before, and now
    // is to be.
    bool tell(const Member& member, const UserId& recipient, std::int64_t states);
    void fail_recipients(std::int64_t order, std::vector<client::RecipientFailure> failures);
    std::optional<std::int64_t> told(std::int64_t order, const UserId& recipient);
    void set_told(std::int64_t order, const UserId& recipient, std::int64_t told);
    void close(std::int64_t order, std::int64_t recipients);
    std::int64_t noted(std::int64_t at_ms) const;

    Database& database_;
    Inbox& inbox_;
    client::StoreClock clock_;
};

}  // namespace parley::sqlite
