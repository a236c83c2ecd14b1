#include "adapters/sqlite/sqlite_store.h"

#include "adapters/sqlite/chains.h"
#include "adapters/sqlite/database.h"
#include "adapters/sqlite/files.h"
#include "adapters/sqlite/inbox.h"
#include "adapters/sqlite/outbox.h"
#include "adapters/sqlite/schema.h"

#include <sqlite3.h>

#include <utility>
#include <variant>

namespace parley::sqlite {
namespace {

// Exclusive before WAL: the file stays locked while it is open, and SQLite needs no shared memory.
// A commit writes some ten pages however short they are; small ones save three quarters of what a
// message costs a phone's flash. The size holds for new files, older ones keep theirs. The log is
// emptied into the file every 4 MB at that size.
constexpr const char* kSettings =
    "PRAGMA page_size = 1024; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
    "PRAGMA wal_autocheckpoint = 4000; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; "
    "PRAGMA checkpoint_fullfsync = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; "
    "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4096;";

template <typename... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// How a limit is named in the table told_limit: one of the two members.
struct LimitField {
    const char* name;
    std::uint32_t Limits::* count = nullptr;
    std::chrono::seconds Limits::* span = nullptr;

    std::int64_t get(const Limits& limits) const {
        return count != nullptr ? std::int64_t{limits.*count} : (limits.*span).count();
    }
    void set(Limits& limits, std::int64_t value) const {
        if (count != nullptr) {
            limits.*count = static_cast<std::uint32_t>(value);
        } else {
            limits.*span = std::chrono::seconds(value);
        }
    }
};

constexpr LimitField kLimitFields[] = {
    {"text_bytes", &Limits::text_bytes},
    {"header_bytes", &Limits::header_bytes},
    {"recipients", &Limits::recipients},
    {"recipient_bytes", &Limits::recipient_bytes},
    {"inflight_submissions", &Limits::inflight_submissions},
    {"inflight_bytes", &Limits::inflight_bytes},
    {"unacked_events", &Limits::unacked_events},
    {"frame_bytes", &Limits::frame_bytes},
    {"retry_window", nullptr, &Limits::retry_window},
    {"retention", nullptr, &Limits::retention},
    {"dedupe_horizon", nullptr, &Limits::dedupe_horizon},
    {"ping_interval", nullptr, &Limits::ping_interval},
};

Sync sync_for(client::Durable durable) {
    return durable == client::Durable::now ? Sync::now : Sync::later;
}

class SqliteStore final : public client::LocalStore {
  public:
    SqliteStore(SqliteStoreOptions options, std::unique_ptr<Database> database, Logger log)
        : options_(std::move(options)),
          log_(log),
          database_(std::move(database)),
          inbox_(*database_),
          chains_(*database_, inbox_),
          outbox_(*database_, chains_, inbox_) {}

    Result<void> load();

    Result<client::StoreFacts> bind(const client::Binding& binding) override;
    Result<client::TurnOutcome> commit(const client::Turn& turn) override;
    Result<void> welcomed(const Limits& limits, const client::StoreClock& clock,
                          bool keep_cursor) override;
    Result<bool> cancel(const MessageId& message, const client::StoreClock& clock) override;
    Result<bool> prune(const client::PruneLimit& limit) override;
    Result<void> erase() override;
    Result<std::vector<client::Entry>> entries(client::Order after, std::size_t count,
                                               std::size_t bytes) override;
    Result<std::vector<MessageId>> expired(const client::ExpiryLimit& limit,
                                           std::size_t count) override;
    Result<std::optional<std::int64_t>> oldest_entry() override;
    Result<std::vector<client::Callback>> callbacks(client::CallbackId after, std::size_t count,
                                                    std::size_t bytes) override;
    Result<std::optional<client::CopyFacts>> copy_facts(const MessageId& message) override;
    std::uint64_t unread_bytes() const override { return inbox_.unread(); }

  private:
    template <typename Work>
    auto write(const client::StoreClock* clock, Work work, Sync sync = Sync::now)
        -> Result<decltype(work())>;
    template <typename Work>
    auto read(Work work) -> Result<decltype(work())>;
    Error erased() const;
    Result<void> check_binding(const client::Binding& binding) const;
    void read_facts();
    void save_clock(const client::StoreClock& clock);
    void apply(const client::StoredEvent& event);
    Limits read_limits();

    SqliteStoreOptions options_;
    Logger log_;
    std::unique_ptr<Database> database_;  // none after erase()
    Inbox inbox_;
    Chains chains_;
    Outbox outbox_;
    bool bound_ = false;
    ApplicationKey application_;
    UserId user_;
    client::StoreFacts facts_;
};

// ---- opening

Result<void> SqliteStore::load() {
    auto loaded = database_->reading([this] {
        inbox_.load();
        outbox_.load();
        read_facts();
        return true;
    });
    return loaded ? Result<void>() : unexpected(std::move(loaded).error());
}

void SqliteStore::read_facts() {
    Query query = database_->query(
        "SELECT application, user, device, epoch, sequence, elapsed_ms, wall_ms, server_offset_ms "
        "FROM store");
    if (!query.step()) {
        return;
    }
    bound_ = true;
    application_ = ApplicationKey(query.text(0));
    user_ = UserId(query.text(1));
    facts_.device = DeviceId(query.text(2));
    facts_.cursor.reset();
    if (!query.is_null(3)) {
        facts_.cursor =
            Cursor{Epoch(query.text(3)), Sequence(static_cast<std::uint64_t>(query.integer(4)))};
    }
    facts_.elapsed_ms = query.integer(5);
    facts_.wall_ms = query.integer(6);
    facts_.server_offset_ms = query.maybe_integer(7);
    facts_.limits = read_limits();
}

Limits SqliteStore::read_limits() {
    Limits limits;
    Query query = database_->query("SELECT name, value FROM told_limit");
    while (query.step()) {
        for (const LimitField& field : kLimitFields) {
            if (query.view(0) == field.name) {
                field.set(limits, query.integer(1));
            }
        }
    }
    return limits;
}

Result<void> SqliteStore::check_binding(const client::Binding& binding) const {
    const std::string path = database_->path();
    if (application_ != binding.application || user_ != binding.user) {
        return unexpected(make_error(
            ErrorCode::store_foreign,
            "the local store " + path + " belongs to user " + user_.value() + " of application " +
                application_.value() + ", not to " + binding.user.value() + " of " +
                binding.application.value() + "; each user needs a store of their own"));
    }
    if (binding.device && *binding.device != facts_.device) {
        return unexpected(make_error(
            ErrorCode::store_foreign,
            "the local store " + path + " belongs to device " + facts_.device.value() +
                ", not to " + binding.device->value() + "; each device needs a store of its own"));
    }
    return {};
}

Result<client::StoreFacts> SqliteStore::bind(const client::Binding& binding) {
    if (!database_) {
        return unexpected(erased());
    }
    if (bound_) {
        if (auto checked = check_binding(binding); !checked) {
            return unexpected(std::move(checked).error());
        }
        // What was written since the store was opened counts. What is counted of inbox and outbox
        // is kept up to date.
        auto read = database_->reading([this] {
            read_facts();
            return true;
        });
        return read ? Result<client::StoreFacts>(facts_) : unexpected(std::move(read).error());
    }
    const DeviceId device = binding.device.value_or(binding.fresh_device);
    auto bound = write(nullptr, [&] {
        Query query = database_->query(
            "INSERT INTO store (one, application, user, device, elapsed_ms, wall_ms) "
            "VALUES (1, ?, ?, ?, 0, ?)");
        query.bind(binding.application.value()).bind(binding.user.value()).bind(device.value());
        return query.bind(binding.wall_ms).run();
    });
    if (!bound) {
        return unexpected(std::move(bound).error());
    }
    if (auto loaded = load(); !loaded) {
        return unexpected(std::move(loaded).error());
    }
    return facts_;
}

// ---- transactions

template <typename Work>
auto SqliteStore::write(const client::StoreClock* clock, Work work, Sync sync)
    -> Result<decltype(work())> {
    if (!database_) {
        return unexpected(erased());
    }
    if (clock != nullptr) {
        chains_.set_moment(*clock);
    }
    auto result = database_->transaction(sync, [&] {
        auto value = work();
        if (clock != nullptr) {
            save_clock(*clock);
        }
        return value;
    });
    if (!result) {
        inbox_.settle(false);
        outbox_.settle(false);
        log_.warn("store.failed", {{"code", static_cast<int>(result.error().code)},
                                   {"error", result.error().description}});
    }
    return result;
}

template <typename Work>
auto SqliteStore::read(Work work) -> Result<decltype(work())> {
    if (!database_) {
        return unexpected(erased());
    }
    return database_->reading(std::move(work));
}

Error SqliteStore::erased() const {
    return make_error(ErrorCode::wrong_state, "the local store " + store_path(options_.folder) +
                                                  " was erased; open a new one");
}

void SqliteStore::save_clock(const client::StoreClock& clock) {
    database_->query("UPDATE store SET elapsed_ms = ?, wall_ms = ?")
        .bind(clock.elapsed_ms)
        .bind(clock.wall_ms)
        .run();
}

Result<client::TurnOutcome> SqliteStore::commit(const client::Turn& turn) {
    const auto apply_turn = [&] {
        client::TurnOutcome outcome;
        inbox_.done(turn.done);
        for (const client::Draft& draft : turn.drafts) {
            outcome.drafts.push_back(outbox_.add(draft, turn.clock));
        }
        for (const client::Answer& answer : turn.answers) {
            chains_.answer(answer);
        }
        for (const client::EntryFailure& failure : turn.failures) {
            chains_.fail(failure);
        }
        for (const client::Order order : turn.submitted) {
            outbox_.mark_submitted(order, turn.clock.server_ms.value_or(turn.clock.wall_ms));
        }
        for (const client::StoredEvent& event : turn.events) {
            apply(event);
        }
        if (turn.cursor) {
            database_->query("UPDATE store SET epoch = ?, sequence = ?")
                .bind(turn.cursor->epoch.value())
                .bind(static_cast<std::int64_t>(turn.cursor->sequence.value()))
                .run();
        }
        return outcome;
    };
    auto result = write(&turn.clock, apply_turn, sync_for(turn.durable));
    if (result) {
        result->callbacks_added = inbox_.settle(true);
        outbox_.settle(true);
    }
    return result;
}

void SqliteStore::apply(const client::StoredEvent& event) {
    std::visit(Overloaded{
                   [&](const client::IncomingEvent& e) { chains_.incoming(e, event.at_ms); },
                   [&](const client::SentEvent& e) { chains_.sent(e, event.at_ms); },
                   [&](const client::DeliveredEvent& e) { chains_.delivered(e, event.at_ms); },
               },
               event.kind);
}

Result<void> SqliteStore::welcomed(const Limits& limits, const client::StoreClock& clock,
                                   bool keep_cursor) {
    const auto take_down = [&] {
        const Limits before = read_limits();
        for (const LimitField& field : kLimitFields) {
            if (field.get(before) != field.get(limits)) {
                database_
                    ->query(
                        "INSERT INTO told_limit (name, value) VALUES (?, ?) "
                        "ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                    .bind(field.name)
                    .bind(field.get(limits))
                    .run();
            }
        }
        if (!keep_cursor) {
            database_->query("UPDATE store SET epoch = NULL, sequence = NULL").run();
        }
        if (clock.server_ms) {
            database_->query("UPDATE store SET server_offset_ms = ?")
                .bind(*clock.server_ms - clock.elapsed_ms)
                .run();
            // What ended before any server was heard is kept for the retention from now.
            database_
                ->query("UPDATE message SET touched_ms = ? WHERE open = 0 AND touched_ms IS NULL")
                .bind(*clock.server_ms)
                .run();
        }
        return true;
    };
    auto written = write(&clock, take_down, Sync::later);
    return written ? Result<void>() : unexpected(std::move(written).error());
}

Result<bool> SqliteStore::cancel(const MessageId& message, const client::StoreClock& clock) {
    return write(&clock, [&] { return outbox_.cancel(message, clock); });
}

// Rows are chosen by index and in small numbers, so that a step never holds up the loop for long.
Result<bool> SqliteStore::prune(const client::PruneLimit& limit) {
    const std::int64_t once = limit.server_ms - limit.retention_ms;
    // A receipt may come until the recipient's last chance has passed, and be handed out for the
    // retention after that.
    const std::int64_t twice = once - limit.retention_ms;
    const auto rows = static_cast<std::int64_t>(limit.rows);
    const auto forget = [&] {
        int most = database_
                       ->query(
                           "DELETE FROM seen WHERE (sender, key) IN (SELECT sender, key FROM seen "
                           "WHERE noted_ms <= ? ORDER BY noted_ms LIMIT ?)")
                       .bind(once)
                       .bind(rows)
                       .run();
        most = std::max(most,
                        database_
                            ->query("DELETE FROM message WHERE ord IN (SELECT ord FROM message m "
                                    "WHERE open = 0 AND touched_ms <= ?1 AND (touched_ms <= ?2 OR "
                                    "NOT EXISTS (SELECT 1 FROM target WHERE message = m.ord AND "
                                    "told & 3 = 1)) AND NOT EXISTS (SELECT 1 FROM callback WHERE "
                                    "message = m.ord) ORDER BY touched_ms LIMIT ?3)")
                            .bind(once)
                            .bind(twice)
                            .bind(rows)
                            .run());
        most = std::max(
            most, database_
                      ->query("DELETE FROM pair WHERE (key, recipient) IN (SELECT key, recipient "
                              "FROM pair p WHERE noted_ms <= ?1 AND (noted_ms <= ?2 OR "
                              "accepted_at_ms IS NULL OR delivered_at_ms IS NOT NULL) AND "
                              "NOT EXISTS (SELECT 1 FROM message WHERE key = p.key) "
                              "ORDER BY noted_ms LIMIT ?3)")
                      .bind(once)
                      .bind(twice)
                      .bind(rows)
                      .run());
        return most >= static_cast<int>(limit.rows);
    };
    return write(nullptr, forget, Sync::later);
}

Result<void> SqliteStore::erase() {
    if (!database_) {
        return unexpected(erased());
    }
    const std::string path = database_->path();
    database_.reset();
    sqlite3_vfs* vfs = sqlite3_vfs_find(options_.vfs.empty() ? nullptr : options_.vfs.c_str());
    // The file itself goes first: SQLite ignores what is left of the others beside an empty store.
    for (const char* suffix : {"", "-wal", "-journal"}) {
        const std::string file = path + suffix;
        const int code = vfs == nullptr ? SQLITE_ERROR : vfs->xDelete(vfs, file.c_str(), 1);
        if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT) {
            return unexpected(describe_sqlite_error(code, sqlite3_errstr(code), file));
        }
    }
    if (options_.vfs.empty()) {
        remove_empty_folder(options_.folder);
    }
    return {};
}

// ---- reads

Result<std::vector<client::Entry>> SqliteStore::entries(client::Order after, std::size_t count,
                                                        std::size_t bytes) {
    return read([&] { return outbox_.entries(after, count, bytes, user_); });
}

Result<std::vector<MessageId>> SqliteStore::expired(const client::ExpiryLimit& limit,
                                                    std::size_t count) {
    return read([&] { return outbox_.expired(limit, count); });
}

Result<std::optional<std::int64_t>> SqliteStore::oldest_entry() {
    return read([&] { return outbox_.oldest(); });
}

Result<std::vector<client::Callback>> SqliteStore::callbacks(client::CallbackId after,
                                                             std::size_t count, std::size_t bytes) {
    return read([&] { return inbox_.read(after, count, bytes, user_); });
}

Result<std::optional<client::CopyFacts>> SqliteStore::copy_facts(const MessageId& message) {
    return read([&] { return outbox_.copy_facts(message); });
}

}  // namespace

Result<std::unique_ptr<client::LocalStore>> open_sqlite_store(const SqliteStoreOptions& options,
                                                              Logger log) {
    if (options.vfs.empty()) {
        if (auto prepared = prepare_store_files(options.folder); !prepared) {
            return unexpected(std::move(prepared).error());
        }
    }
    auto database = Database::open(store_path(options.folder), options.vfs);
    if (!database) {
        return unexpected(std::move(database).error());
    }
    // The lock is taken by the first read.
    if (auto set =
            (*database)->execute(std::string(kSettings) + "SELECT count(*) FROM sqlite_master;");
        !set) {
        return unexpected(std::move(set).error());
    }
    // A process that was killed between the write of a transaction and its sync leaves it whole but
    // not on disk, and SQLite takes it for committed. From here on it is acted on (the cursor in a
    // Hello acknowledges, R1), so it is synced first: a checkpoint begins with that. What else it
    // does may wait until there is room.
    if (auto synced = (*database)->execute("PRAGMA wal_checkpoint(PASSIVE);");
        !synced && synced.error().code != ErrorCode::store_full) {
        return unexpected(std::move(synced).error());
    }
    if (auto migrated = migrate(**database, migrations()); !migrated) {
        return unexpected(std::move(migrated).error());
    }
    auto store = std::make_unique<SqliteStore>(options, std::move(*database), log);
    if (auto loaded = store->load(); !loaded) {
        return unexpected(std::move(loaded).error());
    }
    return std::unique_ptr<client::LocalStore>(std::move(store));
}

}  // namespace parley::sqlite
