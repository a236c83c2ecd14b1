#include "adapters/sqlite/outbox.h"

#include "adapters/sqlite/packing.h"

#include <algorithm>
#include <utility>

namespace parley::sqlite {

void Outbox::load() {
    Query query = database_.query("SELECT coalesce(max(ord), 0) FROM message");
    if (query.step()) {
        last_order_ = committed_order_ = query.integer(0);
    }
}

void Outbox::settle(bool committed) {
    committed_order_ = committed ? last_order_ : committed_order_;
    last_order_ = committed_order_;
}

Outbox::Chain Outbox::find_chain(const std::string& key) {
    Query query =
        database_.query("SELECT count(*), min(chain_submitted_ms) FROM message WHERE key = ?");
    if (!query.bind(key).step()) {
        return {};
    }
    return {query.integer(0) > 0, query.maybe_integer(1)};
}

// R11: an inherited key holds while its chain is known here and young enough; else the copy starts
// a new chain.
std::string Outbox::key_for(const client::Draft& draft,
                            std::optional<std::int64_t>& chain_submitted) {
    const std::string& own = draft.message.id.value();
    const std::string& key = draft.message.key.value();
    if (key == own) {
        return own;
    }
    const Chain chain = find_chain(key);
    const bool outgrown = chain.submitted_ms && draft.chain_void_before_ms &&
                          *chain.submitted_ms <= *draft.chain_void_before_ms;
    if (!chain.known || outgrown) {
        return own;
    }
    chain_submitted = chain.submitted_ms;
    return key;
}

client::DraftOutcome Outbox::add(const client::Draft& draft, const client::StoreClock& clock) {
    {
        Query find = database_.query("SELECT 1 FROM message WHERE id = ?");
        if (find.bind(draft.message.id.value()).step()) {
            return {make_error(ErrorCode::message_stale,
                               "message " + draft.message.id.value() +
                                   " was sent before; make a copy of it to try again"),
                    {},
                    {},
                    {}};
        }
    }
    std::optional<std::int64_t> chain_submitted;
    const std::string key = key_for(draft, chain_submitted);
    const bool inherited = key != draft.message.id.value();
    std::vector<std::optional<Chains::Pair>> pairs;
    std::vector<UserId> open;
    for (const UserId& recipient : draft.message.recipients) {
        pairs.push_back(inherited ? chains_.find_pair(key, recipient) : std::nullopt);
        if (!pairs.back() || !pairs.back()->accepted_at_ms) {
            open.push_back(recipient);
        }
    }
    const std::int64_t order = ++last_order_;
    insert(order, draft, key, clock, chain_submitted, static_cast<std::int64_t>(open.size()));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const UserId& recipient = draft.message.recipients[i];
        const bool sent = pairs[i] && pairs[i]->accepted_at_ms;
        const bool delivered = sent && pairs[i]->delivered_at_ms;
        database_.query("INSERT INTO target (message, recipient, told) VALUES (?, ?, ?)")
            .bind(order)
            .bind(recipient.value())
            .bind((sent ? kToldSent | kSettled : 0) | (delivered ? kToldDelivered : 0))
            .run();
        // R12: the copy hears at once what is known already.
        if (sent) {
            inbox_.sent_here(order, recipient, *pairs[i]->accepted_at_ms);
        }
        if (delivered) {
            inbox_.delivered(draft.message.id.value(), recipient, *pairs[i]->delivered_at_ms);
        }
    }
    if (draft.submit_now && clock.server_ms && !open.empty()) {
        mark_submitted(client::Order(static_cast<std::uint64_t>(order)), *clock.server_ms);
    }
    return {std::nullopt, client::Order(static_cast<std::uint64_t>(order)), ChainKey(key),
            std::move(open)};
}

void Outbox::insert(std::int64_t order, const client::Draft& draft, const std::string& key,
                    const client::StoreClock& clock, std::optional<std::int64_t> chain_submitted,
                    std::int64_t open) {
    const client::Message& message = draft.message;
    const std::string recipients = pack(message.recipients);
    const std::string headers = pack(message.headers);
    Query query = database_.query(
        "INSERT INTO message (ord, id, key, recipients, text, headers, created_at_ms, "
        "queued_elapsed_ms, queued_wall_ms, chain_submitted_ms, open, touched_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.bind(order).bind(message.id.value()).bind(key).bind_blob(recipients).bind(message.text);
    query.bind_blob(headers).bind(message.created_at_ms).bind(clock.elapsed_ms).bind(clock.wall_ms);
    query.bind(chain_submitted).bind(open).bind(clock.server_ms).run();
}

void Outbox::mark_submitted(client::Order order, std::int64_t server_ms) {
    const auto row = static_cast<std::int64_t>(order.value());
    database_.query("UPDATE message SET submitted_ms = ?2 WHERE ord = ?1 AND submitted_ms IS NULL")
        .bind(row)
        .bind(server_ms)
        .run();
    database_
        .query(
            "UPDATE message SET chain_submitted_ms = ?2 WHERE chain_submitted_ms IS NULL AND "
            "key = (SELECT key FROM message WHERE ord = ?1)")
        .bind(row)
        .bind(server_ms)
        .run();
}

bool Outbox::cancel(const MessageId& message, const client::StoreClock& clock) {
    std::int64_t order = 0;
    {
        Query find = database_.query(
            "SELECT ord FROM message WHERE id = ? AND open > 0 AND submitted_ms IS NULL");
        if (!find.bind(message.value()).step()) {
            return false;
        }
        order = find.integer(0);
    }
    static_assert(kClosed == 28 && kToldSent == 1 && kCancelled == 8 && kSettled == 16);
    database_
        .query(
            "UPDATE target SET told = told | (CASE told & 1 WHEN 1 THEN 16 ELSE 8 END) "
            "WHERE message = ? AND told & 28 = 0")
        .bind(order)
        .run();
    database_.query("UPDATE message SET open = 0, touched_ms = ? WHERE ord = ?")
        .bind(clock.server_ms)
        .bind(order)
        .run();
    return true;
}

std::vector<client::Entry> Outbox::entries(client::Order after, std::size_t count,
                                           std::size_t bytes, const UserId& self) {
    std::vector<client::Entry> entries;
    std::size_t taken = 0;
    Query query = database_.query(
        "SELECT ord, id, key, recipients, text, headers, created_at_ms, queued_elapsed_ms, "
        "queued_wall_ms, submitted_ms, chain_submitted_ms FROM message "
        "WHERE open > 0 AND ord > ? ORDER BY ord LIMIT ?");
    query.bind(static_cast<std::int64_t>(after.value())).bind(static_cast<std::int64_t>(count));
    while (query.step()) {
        const std::size_t size = query.view(3).size() + query.view(4).size() + query.view(5).size();
        if (!entries.empty() && taken + size > bytes) {
            break;
        }
        taken += size;
        client::Entry entry;
        entry.order = client::Order(static_cast<std::uint64_t>(query.integer(0)));
        entry.message = {MessageId(query.text(1)),
                         ChainKey(query.text(2)),
                         self,
                         unpack_users(query.view(3)),
                         query.text(4),
                         unpack_headers(query.view(5)),
                         query.integer(6),
                         0};
        entry.queued_elapsed_ms = query.integer(7);
        entry.queued_wall_ms = query.integer(8);
        entry.submitted_ms = query.maybe_integer(9);
        entry.chain_submitted_ms = query.maybe_integer(10);
        entry.open = chains_.open_recipients(query.integer(0));
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<MessageId> Outbox::expired(const client::ExpiryLimit& limit, std::size_t count) {
    std::vector<MessageId> found;
    const auto collect = [&](Query& query) {
        while (found.size() < count && query.step()) {
            MessageId id(query.text(0));
            if (std::find(found.begin(), found.end(), id) == found.end()) {
                found.push_back(std::move(id));
            }
        }
    };
    {
        Query queued = database_.query(
            "SELECT id FROM message WHERE open > 0 AND queued_elapsed_ms <= ? "
            "ORDER BY queued_elapsed_ms, ord LIMIT ?");
        queued.bind(limit.queued_before_elapsed_ms).bind(static_cast<std::int64_t>(count));
        collect(queued);
    }
    if (limit.submitted_before_ms) {
        Query submitted = database_.query(
            "SELECT id FROM message WHERE open > 0 AND submitted_ms IS NOT NULL AND "
            "submitted_ms <= ? ORDER BY submitted_ms, ord LIMIT ?");
        submitted.bind(*limit.submitted_before_ms).bind(static_cast<std::int64_t>(count));
        collect(submitted);
    }
    return found;
}

std::optional<std::int64_t> Outbox::oldest() {
    Query query = database_.query("SELECT min(queued_elapsed_ms) FROM message WHERE open > 0");
    return query.step() ? query.maybe_integer(0) : std::nullopt;
}

std::optional<client::CopyFacts> Outbox::copy_facts(const MessageId& message) {
    Query query = database_.query(
        "SELECT m.key, m.chain_submitted_ms, NOT EXISTS ("
        "SELECT 1 FROM target t WHERE t.message = m.ord AND NOT EXISTS ("
        "SELECT 1 FROM pair p WHERE p.key = m.key AND p.recipient = t.recipient "
        "AND p.accepted_at_ms IS NOT NULL)) FROM message m WHERE m.id = ?");
    if (!query.bind(message.value()).step()) {
        return std::nullopt;
    }
    return client::CopyFacts{ChainKey(query.text(0)), query.integer(2) != 0,
                             query.maybe_integer(1)};
}

}  // namespace parley::sqlite
