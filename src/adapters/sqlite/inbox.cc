#include "adapters/sqlite/inbox.h"

#include "adapters/sqlite/packing.h"

#include <optional>
#include <utility>

namespace parley::sqlite {
namespace {

// In the column "kind".
enum Kind : std::int64_t { kIncoming = 1, kSent = 2, kDelivered = 3, kFailed = 4 };

// What a callback counts beside its content, so that those without content are bounded too.
constexpr std::int64_t kRowBytes = 128;

std::int64_t content_bytes(const client::Message& message) {
    std::size_t bytes = message.text.size();
    for (const auto& [key, value] : message.headers) {
        bytes += key.size() + value.size();
    }
    for (const UserId& recipient : message.recipients) {
        bytes += recipient.value().size() + 4;
    }
    return static_cast<std::int64_t>(bytes);
}

}  // namespace

struct Inbox::Row {
    Kind kind;
    std::optional<std::int64_t> order;
    std::optional<std::int64_t> body;
    std::string_view message_id;
    std::string_view recipient;
    std::int64_t at_ms = 0;
    std::string_view failures;
};

void Inbox::load() {
    Query query =
        database_.query("SELECT coalesce(max(id), 0), coalesce(sum(unread), 0) FROM callback");
    if (query.step()) {
        last_id_ = query.integer(0);
        unread_ = query.integer(1);
    }
}

std::int64_t Inbox::add_body(const client::Message& message) {
    const std::string recipients = pack(message.recipients);
    const std::string headers = pack(message.headers);
    {
        Query insert = database_.query(
            "INSERT INTO body (message_id, key, sender, recipients, text, headers, created_at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)");
        insert.bind(message.id.value()).bind(message.key.value()).bind(message.sender.value());
        insert.bind_blob(recipients).bind(message.text).bind_blob(headers);
        insert.bind(message.created_at_ms).run();
    }
    body_unread_ = content_bytes(message);
    Query query = database_.query("SELECT last_insert_rowid()");
    return query.step() ? query.integer(0) : 0;
}

void Inbox::insert(const Row& row) {
    // The content counts with the first callback that carries it.
    const std::int64_t unread = kRowBytes + std::exchange(body_unread_, 0);
    Query query = database_.query(
        "INSERT INTO callback (id, kind, message, body, message_id, recipient, at_ms, failures, "
        "unread) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.bind(++last_id_).bind(static_cast<std::int64_t>(row.kind)).bind(row.order).bind(row.body);
    query.bind(row.message_id).bind(row.recipient).bind(row.at_ms);
    query.bind_blob(row.failures).bind(unread).run();
    pending_unread_ += unread;
    added_ = true;
}

void Inbox::incoming(std::int64_t body, const client::Message& message, std::int64_t at_ms) {
    const std::int64_t accepted = message.accepted_at_ms != 0 ? message.accepted_at_ms : at_ms;
    insert({kIncoming, std::nullopt, body, {}, {}, accepted, {}});
}

void Inbox::sent_elsewhere(std::int64_t body, const UserId& recipient, std::int64_t at_ms) {
    insert({kSent, std::nullopt, body, {}, recipient.value(), at_ms, {}});
}

void Inbox::sent_here(std::int64_t order, const UserId& recipient, std::int64_t at_ms) {
    insert({kSent, order, std::nullopt, {}, recipient.value(), at_ms, {}});
}

void Inbox::delivered(const std::string& message_id, const UserId& recipient, std::int64_t at_ms) {
    insert({kDelivered, std::nullopt, std::nullopt, message_id, recipient.value(), at_ms, {}});
}

void Inbox::failed(std::int64_t order, const std::vector<client::RecipientFailure>& failures,
                   std::int64_t at_ms) {
    const std::string packed = pack(failures);
    insert({kFailed, order, std::nullopt, {}, {}, at_ms, packed});
}

void Inbox::done(std::span<const client::CallbackId> ids) {
    for (const client::CallbackId id : ids) {
        const auto key = static_cast<std::int64_t>(id.value());
        std::optional<std::int64_t> body;
        {
            Query find = database_.query("SELECT unread, body FROM callback WHERE id = ?");
            if (!find.bind(key).step()) {
                continue;
            }
            pending_unread_ -= find.integer(0);
            body = find.maybe_integer(1);
        }
        database_.query("DELETE FROM callback WHERE id = ?").bind(key).run();
        if (body) {
            database_
                .query(
                    "DELETE FROM body WHERE id = ?1 AND NOT EXISTS "
                    "(SELECT 1 FROM callback WHERE body = ?1)")
                .bind(*body)
                .run();
        }
    }
}

bool Inbox::settle(bool committed) {
    if (committed) {
        unread_ += pending_unread_;
    }
    pending_unread_ = 0;
    body_unread_ = 0;
    return std::exchange(added_, false) && committed;
}

std::vector<client::Callback> Inbox::read(client::CallbackId after, std::size_t count,
                                          std::size_t bytes, const UserId& self) {
    Query query = database_.query(
        "SELECT c.id, c.kind, c.message_id, c.recipient, c.at_ms, c.failures, c.body, "
        "b.message_id, b.key, b.sender, b.recipients, b.text, b.headers, b.created_at_ms, "
        "m.id, m.key, m.recipients, m.text, m.headers, m.created_at_ms "
        "FROM callback c LEFT JOIN body b ON b.id = c.body LEFT JOIN message m ON m.ord = "
        "c.message "
        "WHERE c.id > ? ORDER BY c.id LIMIT ?");
    query.bind(static_cast<std::int64_t>(after.value())).bind(static_cast<std::int64_t>(count));
    std::vector<client::Callback> callbacks;
    std::size_t taken = 0;
    while (query.step()) {
        const std::size_t size = query.view(11).size() + query.view(12).size() +
                                 query.view(17).size() + query.view(18).size();
        if (!callbacks.empty() && taken + size > bytes) {
            break;
        }
        taken += size;
        callbacks.push_back(read_row(query, self));
    }
    return callbacks;
}

client::Callback Inbox::read_row(const Query& row, const UserId& self) const {
    const client::CallbackId id(static_cast<std::uint64_t>(row.integer(0)));
    const std::int64_t kind = row.integer(1);
    UserId recipient(row.text(3));
    const std::int64_t at_ms = row.integer(4);
    if (kind == kDelivered) {
        return {id, client::DeliveredDue{MessageId(row.text(2)), std::move(recipient), at_ms}};
    }
    client::Message message;
    if (!row.is_null(6)) {
        message = {MessageId(row.text(7)), ChainKey(row.text(8)),
                   UserId(row.text(9)),    unpack_users(row.view(10)),
                   row.text(11),           unpack_headers(row.view(12)),
                   row.integer(13),        at_ms};
    } else {
        message = {MessageId(row.text(14)),
                   ChainKey(row.text(15)),
                   self,
                   unpack_users(row.view(16)),
                   row.text(17),
                   unpack_headers(row.view(18)),
                   row.integer(19),
                   at_ms};
    }
    if (kind == kIncoming) {
        return {id, client::IncomingDue{std::move(message)}};
    }
    if (kind == kSent) {
        return {id, client::SentDue{std::move(message), std::move(recipient)}};
    }
    message.accepted_at_ms = 0;
    return {id, client::FailedDue{std::move(message), unpack_failures(row.view(5))}};
}

}  // namespace parley::sqlite
