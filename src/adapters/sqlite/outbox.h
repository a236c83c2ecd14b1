#pragma once

#include "adapters/sqlite/chains.h"
#include "adapters/sqlite/database.h"
#include "client/local_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace parley::sqlite {

// The messages that this device was given to send: those with open recipients are the outbox; the
// others are kept for the retention, for copies and late truths (R11, R12). Writes happen inside a
// transaction of the owner.
class Outbox {
  public:
    Outbox(Database& database, Chains& chains, Inbox& inbox)
        : database_(database), chains_(chains), inbox_(inbox) {}

    // Reads what is there. Inside reading().
    void load();
    // Ends what the transaction did to the figures.
    void settle(bool committed);

    client::DraftOutcome add(const client::Draft& draft, const client::StoreClock& clock);
    void mark_submitted(client::Order order, std::int64_t server_ms);
    bool cancel(const MessageId& message, const client::StoreClock& clock);

    std::vector<client::Entry> entries(client::Order after, std::size_t count, std::size_t bytes,
                                       const UserId& self);
    std::vector<MessageId> expired(const client::ExpiryLimit& limit, std::size_t count);
    std::optional<std::int64_t> oldest();
    std::optional<client::CopyFacts> copy_facts(const MessageId& message);

  private:
    struct Chain {
        bool known = false;
        std::optional<std::int64_t> submitted_ms;
    };
    Chain find_chain(const std::string& key);
    std::string key_for(const client::Draft& draft, std::optional<std::int64_t>& chain_submitted);
    void insert(std::int64_t order, const client::Draft& draft, const std::string& key,
                const client::StoreClock& clock, std::optional<std::int64_t> chain_submitted,
                std::int64_t open);

    Database& database_;
    Chains& chains_;
    Inbox& inbox_;
    std::int64_t last_order_ = 0;
    std::int64_t committed_order_ = 0;
};

}  // namespace parley::sqlite
