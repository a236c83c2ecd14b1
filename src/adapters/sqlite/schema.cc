#include "adapters/sqlite/schema.h"

#include <array>
#include <string>

namespace parley::sqlite {
namespace {

// "PARL": tells our files from others'.
constexpr std::int64_t kApplicationId = 0x5041524c;

constexpr Migration kVersion1 = R"sql(
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    application TEXT NOT NULL,
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    epoch TEXT,
    sequence INTEGER,
    elapsed_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    server_offset_ms INTEGER
);
CREATE TABLE told_limit (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE message (
    ord INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    recipients BLOB NOT NULL,
    text TEXT NOT NULL,
    headers BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    queued_elapsed_ms INTEGER NOT NULL,
    queued_wall_ms INTEGER NOT NULL,
    submitted_ms INTEGER,
    chain_submitted_ms INTEGER,
    open INTEGER NOT NULL,
    touched_ms INTEGER
);
CREATE INDEX message_key ON message (key);
CREATE INDEX message_outbox ON message (ord, queued_elapsed_ms) WHERE open > 0;
CREATE INDEX message_queued ON message (queued_elapsed_ms) WHERE open > 0;
CREATE INDEX message_submitted ON message (submitted_ms) WHERE open > 0 AND submitted_ms IS NOT NULL;
CREATE INDEX message_touched ON message (touched_ms) WHERE open = 0;
CREATE TABLE target (
    message INTEGER NOT NULL REFERENCES message (ord) ON DELETE CASCADE,
    recipient TEXT NOT NULL,
    told INTEGER NOT NULL,
    PRIMARY KEY (message, recipient)
) WITHOUT ROWID;

CREATE TABLE pair (
    key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    id TEXT,
    accepted_at_ms INTEGER,
    delivered_at_ms INTEGER,
    noted_ms INTEGER NOT NULL,
    PRIMARY KEY (key, recipient)
) WITHOUT ROWID;
CREATE INDEX pair_noted ON pair (noted_ms);
CREATE TABLE seen (
    sender TEXT NOT NULL,
    key TEXT NOT NULL,
    noted_ms INTEGER NOT NULL,
    PRIMARY KEY (sender, key)
) WITHOUT ROWID;
CREATE INDEX seen_noted ON seen (noted_ms);

CREATE TABLE body (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    key TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients BLOB NOT NULL,
    text TEXT NOT NULL,
    headers BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL
);
CREATE TABLE callback (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    message INTEGER REFERENCES message (ord),
    body INTEGER REFERENCES body (id),
    message_id TEXT,
    recipient TEXT,
    at_ms INTEGER NOT NULL,
    failures BLOB,
    unread INTEGER NOT NULL
);
CREATE INDEX callback_message ON callback (message) WHERE message IS NOT NULL;
CREATE INDEX callback_body ON callback (body) WHERE body IS NOT NULL;
)sql";

constexpr std::array<Migration, 1> kMigrations = {kVersion1};

std::int64_t pragma(Database& database, const char* sql) {
    Query query = database.query(sql);
    return query.step() ? query.integer(0) : 0;
}

}  // namespace

std::span<const Migration> migrations() {
    return kMigrations;
}

Result<void> migrate(Database& database, std::span<const Migration> steps) {
    struct Found {
        std::int64_t application = 0;
        std::int64_t version = 0;
        bool empty = false;
    };
    auto found = database.reading([&] {
        return Found{pragma(database, "PRAGMA application_id"),
                     pragma(database, "PRAGMA user_version"),
                     pragma(database, "SELECT count(*) FROM sqlite_master") == 0};
    });
    if (!found) {
        return unexpected(std::move(found).error());
    }
    const auto newest = static_cast<std::int64_t>(steps.size());
    const bool fresh = found->empty && found->application == 0 && found->version == 0;
    if (!fresh && (found->application != kApplicationId || found->version < 1)) {
        return unexpected(make_error(
            ErrorCode::store_foreign,
            database.path() + " is a database of another program, not a local store; give "
                              "another folder for the store"));
    }
    if (found->version > newest) {
        return unexpected(
            make_error(ErrorCode::store_foreign,
                       "the local store " + database.path() +
                           " was written by a newer version of the SDK (its schema is " +
                           std::to_string(found->version) + ", this one knows up to " +
                           std::to_string(newest) + "); update the app, or give another folder"));
    }
    if (found->version == newest) {
        return {};
    }
    std::string script = "BEGIN IMMEDIATE;";
    for (std::int64_t version = found->version; version < newest; ++version) {
        script += steps[static_cast<std::size_t>(version)];
    }
    script += "PRAGMA application_id = " + std::to_string(kApplicationId) +
              "; PRAGMA user_version = " + std::to_string(newest) + "; COMMIT;";
    if (auto done = database.execute(script); !done) {
        // Fails if the error has rolled back already, which is as good.
        (void)database.execute("ROLLBACK");
        return done;
    }
    return {};
}

}  // namespace parley::sqlite
