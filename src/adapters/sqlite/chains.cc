#include "adapters/sqlite/chains.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace parley::sqlite {
namespace {

std::int64_t first_nonzero(std::int64_t preferred, std::int64_t otherwise) {
    return preferred != 0 ? preferred : otherwise;
}

}  // namespace

// What is remembered for the retention counts from the later of the two, so that it is never
// forgotten while the server may still hand the event out (R8).
std::int64_t Chains::noted(std::int64_t at_ms) const {
    return std::max(at_ms, clock_.server_ms.value_or(at_ms));
}

// ---- this device's answers

void Chains::answer(const client::Answer& answer) {
    std::int64_t order = 0;
    std::string key;
    {
        Query find = database_.query("SELECT ord, key FROM message WHERE id = ?");
        if (!find.bind(answer.message.value()).step()) {
            return;
        }
        order = find.integer(0);
        key = find.text(1);
    }
    if (answer.error) {
        if (!answer.error->retryable) {
            fail({answer.message, *answer.error});
        }
        return;
    }
    const std::vector<Member> chain = members(key);
    std::vector<client::RecipientFailure> failures;
    for (const client::RecipientAnswer& recipient : answer.recipients) {
        if (!told(order, recipient.recipient)) {
            continue;
        }
        if (!recipient.error) {
            sent_here(chain, key, recipient.recipient,
                      first_nonzero(recipient.accepted_at_ms, noted(0)), kSettled);
        } else if (!recipient.error->retryable) {
            failures.push_back({recipient.recipient, *recipient.error});
        }
    }
    fail_recipients(order, std::move(failures));
}

void Chains::fail(const client::EntryFailure& failure) {
    std::int64_t order = 0;
    {
        Query find = database_.query("SELECT ord FROM message WHERE id = ? AND open > 0");
        if (!find.bind(failure.message.value()).step()) {
            return;
        }
        order = find.integer(0);
    }
    std::vector<client::RecipientFailure> failures;
    for (UserId& recipient : open_recipients(order)) {
        failures.push_back({std::move(recipient), failure.error});
    }
    fail_recipients(order, std::move(failures));
}

// All that fail at one moment are told in one call (R4).
void Chains::fail_recipients(std::int64_t order, std::vector<client::RecipientFailure> failures) {
    std::vector<client::RecipientFailure> now;
    std::int64_t closed = 0;
    for (client::RecipientFailure& failure : failures) {
        const auto before = told(order, failure.recipient);
        if (!before || (*before & kClosed) != 0) {
            continue;
        }
        ++closed;
        if ((*before & kToldSent) != 0) {
            // A receipt came first: it has not failed, and needs no more tries.
            set_told(order, failure.recipient, *before | kSettled);
            continue;
        }
        set_told(order, failure.recipient, *before | kToldFailed);
        failure.error.retryable = false;
        now.push_back(std::move(failure));
    }
    if (closed > 0) {
        close(order, closed);
    }
    if (now.empty()) {
        return;
    }
    inbox_.failed(order, now, clock_.server_ms.value_or(clock_.wall_ms));
}

// ---- events of the mailbox

void Chains::incoming(const client::IncomingEvent& event, std::int64_t at_ms) {
    // R8: known by (sender, key).
    const int fresh = database_
                          .query(
                              "INSERT INTO seen (sender, key, noted_ms) VALUES (?, ?, ?) "
                              "ON CONFLICT DO NOTHING")
                          .bind(event.message.sender.value())
                          .bind(event.message.key.value())
                          .bind(noted(at_ms))
                          .run();
    if (fresh == 1) {
        inbox_.incoming(inbox_.add_body(event.message), event.message, at_ms);
    }
}

void Chains::sent(const client::SentEvent& event, std::int64_t at_ms) {
    const std::string& key = event.message.key.value();
    const std::vector<Member> chain = members(key);
    if (chain.empty()) {
        sent_elsewhere(event, at_ms);
        return;
    }
    for (const auto& accepted : event.accepted) {
        sent_here(chain, key, accepted.recipient, first_nonzero(accepted.accepted_at_ms, at_ms),
                  kSettled);
    }
}

void Chains::delivered(const client::DeliveredEvent& event, std::int64_t at_ms) {
    const std::string& key = event.key.value();
    const std::vector<Member> chain = members(key);
    if (chain.empty()) {
        delivered_elsewhere(event, at_ms);
        return;
    }
    // R5: it implies `sent`, with the time that it carries.
    sent_here(chain, key, event.recipient, first_nonzero(event.accepted_at_ms, at_ms), 0);
    delivered_here(chain, key, event.recipient, at_ms);
}

// ---- chains made here: told to every id for which send returned (R12)

std::vector<Chains::Member> Chains::members(const std::string& key) {
    std::vector<Member> found;
    Query query = database_.query("SELECT ord, id FROM message WHERE key = ? ORDER BY ord");
    query.bind(key);
    while (query.step()) {
        found.push_back({query.integer(0), query.text(1)});
    }
    return found;
}

void Chains::sent_here(const std::vector<Member>& chain, const std::string& key,
                       const UserId& recipient, std::int64_t accepted_at_ms, std::int64_t settled) {
    database_
        .query(
            "INSERT INTO pair (key, recipient, accepted_at_ms, noted_ms) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (key, recipient) DO UPDATE SET accepted_at_ms = excluded.accepted_at_ms, "
            "noted_ms = excluded.noted_ms WHERE accepted_at_ms IS NULL")
        .bind(key)
        .bind(recipient.value())
        .bind(accepted_at_ms)
        .bind(noted(accepted_at_ms))
        .run();
    for (const Member& member : chain) {
        if (tell(member, recipient, kToldSent | settled)) {
            inbox_.sent_here(member.order, recipient, accepted_at_ms);
        }
    }
}

void Chains::delivered_here(const std::vector<Member>& chain, const std::string& key,
                            const UserId& recipient, std::int64_t at_ms) {
    database_
        .query(
            "UPDATE pair SET delivered_at_ms = ?3, noted_ms = ?4 "
            "WHERE key = ?1 AND recipient = ?2 AND delivered_at_ms IS NULL")
        .bind(key)
        .bind(recipient.value())
        .bind(at_ms)
        .bind(noted(at_ms))
        .run();
    for (const Member& member : chain) {
        if (tell(member, recipient, kToldDelivered)) {
            inbox_.delivered(member.id, recipient, at_ms);
        }
    }
}

bool Chains::tell(const Member& member, const UserId& recipient, std::int64_t states) {
    const auto before = told(member.order, recipient);
    if (!before || (*before & kCancelled) != 0 || (*before | states) == *before) {
        return false;
    }
    set_told(member.order, recipient, *before | states);
    // A failure told does not stop the truth from being told later (R12); it closed the recipient
    // already.
    const bool closes = (*before & kClosed) == 0 && (states & kClosed) != 0;
    close(member.order, closes ? 1 : 0);
    return ((states & ~*before) & (kToldSent | kToldDelivered)) != 0;
}

// ---- chains of other devices: told by (key, recipient), with the first id stored for the pair

void Chains::sent_elsewhere(const client::SentEvent& event, std::int64_t at_ms) {
    const std::string& key = event.message.key.value();
    std::optional<std::int64_t> body;
    for (const auto& accepted : event.accepted) {
        const auto known = find_pair(key, accepted.recipient);
        if (known && known->accepted_at_ms) {
            continue;
        }
        const std::int64_t accepted_at = first_nonzero(accepted.accepted_at_ms, at_ms);
        database_
            .query(
                "INSERT INTO pair (key, recipient, id, accepted_at_ms, noted_ms) "
                "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key, recipient) DO UPDATE SET "
                "id = excluded.id, accepted_at_ms = excluded.accepted_at_ms, "
                "noted_ms = excluded.noted_ms")
            .bind(key)
            .bind(accepted.recipient.value())
            .bind(event.message.id.value())
            .bind(accepted_at)
            .bind(noted(at_ms))
            .run();
        if (!body) {
            body = inbox_.add_body(event.message);
        }
        inbox_.sent_elsewhere(*body, accepted.recipient, accepted_at);
        if (known && known->delivered_at_ms) {
            inbox_.delivered(event.message.id.value(), accepted.recipient, *known->delivered_at_ms);
        }
    }
}

void Chains::delivered_elsewhere(const client::DeliveredEvent& event, std::int64_t at_ms) {
    const std::string& key = event.key.value();
    const auto known = find_pair(key, event.recipient);
    if (known && known->delivered_at_ms) {
        return;
    }
    // Without its `sent` it waits here (R5).
    database_
        .query(
            "INSERT INTO pair (key, recipient, delivered_at_ms, noted_ms) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (key, recipient) DO UPDATE SET "
            "delivered_at_ms = excluded.delivered_at_ms, noted_ms = excluded.noted_ms")
        .bind(key)
        .bind(event.recipient.value())
        .bind(at_ms)
        .bind(noted(at_ms))
        .run();
    if (known && known->accepted_at_ms) {
        // An id is missing only where the chain was this device's and is forgotten: its key is its
        // first id.
        inbox_.delivered(known->id.empty() ? key : known->id, event.recipient, at_ms);
    }
}

// ---- rows

std::optional<Chains::Pair> Chains::find_pair(const std::string& key, const UserId& recipient) {
    Query query = database_.query(
        "SELECT id, accepted_at_ms, delivered_at_ms FROM pair WHERE key = ? AND recipient = ?");
    if (!query.bind(key).bind(recipient.value()).step()) {
        return std::nullopt;
    }
    return Pair{query.text(0), query.maybe_integer(1), query.maybe_integer(2)};
}

std::vector<UserId> Chains::open_recipients(std::int64_t order) {
    std::vector<UserId> open;
    Query query = database_.query(
        "SELECT recipient FROM target WHERE message = ? AND told & 28 = 0 ORDER BY recipient");
    static_assert(kClosed == 28);
    query.bind(order);
    while (query.step()) {
        open.emplace_back(query.text(0));
    }
    return open;
}

std::optional<std::int64_t> Chains::told(std::int64_t order, const UserId& recipient) {
    Query query = database_.query("SELECT told FROM target WHERE message = ? AND recipient = ?");
    return query.bind(order).bind(recipient.value()).step() ? std::optional(query.integer(0))
                                                            : std::nullopt;
}

void Chains::set_told(std::int64_t order, const UserId& recipient, std::int64_t told) {
    database_.query("UPDATE target SET told = ? WHERE message = ? AND recipient = ?")
        .bind(told)
        .bind(order)
        .bind(recipient.value())
        .run();
}

void Chains::close(std::int64_t order, std::int64_t recipients) {
    database_.query("UPDATE message SET open = open - ?, touched_ms = ? WHERE ord = ?")
        .bind(recipients)
        .bind(clock_.server_ms)
        .bind(order)
        .run();
}

}  // namespace parley::sqlite
