#include "adapters/sqlite/database.h"

#include "base/assert.h"

#include <sqlite3.h>

#include <memory>
#include <utility>

namespace parley::sqlite {

// ---- Query

Query::~Query() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

void Query::check(int code) {
    if (code != SQLITE_OK) {
        database_.fail(code);
    }
}

Query& Query::bind(std::int64_t value) {
    if (statement_ != nullptr) {
        check(sqlite3_bind_int64(statement_, ++bound_, value));
    }
    return *this;
}

Query& Query::bind(std::string_view value) {
    if (statement_ != nullptr) {
        // A null pointer would bind NULL; an empty text is not that.
        const char* begin = value.data() != nullptr ? value.data() : "";
        check(sqlite3_bind_text64(statement_, ++bound_, begin, value.size(), SQLITE_STATIC,
                                  SQLITE_UTF8));
    }
    return *this;
}

Query& Query::bind_blob(std::string_view value) {
    if (statement_ != nullptr) {
        const char* begin = value.data() != nullptr ? value.data() : "";
        check(sqlite3_bind_blob64(statement_, ++bound_, begin, value.size(), SQLITE_STATIC));
    }
    return *this;
}

Query& Query::bind(const std::optional<std::int64_t>& value) {
    return value ? bind(*value) : bind_null();
}

Query& Query::bind_null() {
    if (statement_ != nullptr) {
        check(sqlite3_bind_null(statement_, ++bound_));
    }
    return *this;
}

bool Query::step() {
    if (statement_ == nullptr || database_.error_) {
        return false;
    }
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        database_.fail(code);
    }
    return false;
}

int Query::run() {
    if (statement_ == nullptr || database_.error_) {
        return 0;
    }
    PARLEY_ASSERT(!step());
    return database_.error_ ? 0 : sqlite3_changes(database_.handle_);
}

std::int64_t Query::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Query::maybe_integer(int column) const {
    return is_null(column) ? std::nullopt : std::optional(integer(column));
}

std::string_view Query::view(int column) const {
    const auto* begin = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return begin == nullptr ? std::string_view()
                            : std::string_view(begin, static_cast<std::size_t>(size));
}

std::string Query::text(int column) const {
    return std::string(view(column));
}

bool Query::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

// ---- Database

Database::Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

Database::~Database() {
    for (const auto& [sql, statement] : statements_) {
        sqlite3_finalize(statement);
    }
    sqlite3_close(handle_);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const std::string& vfs) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
        vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) {
        const std::string detail =
            handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
        const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : code;
        sqlite3_close(handle);
        return unexpected(describe_sqlite_error(extended, detail, path));
    }
    sqlite3_extended_result_codes(handle, 1);
    return std::unique_ptr<Database>(new Database(handle, path));
}

Query Database::query(const char* sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        return {*this, found->second};
    }
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
        fail(code);
        return {*this, nullptr};
    }
    statements_.emplace(sql, statement);
    return {*this, statement};
}

Result<void> Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        return unexpected(describe(code));
    }
    return {};
}

void Database::begin(Sync sync) {
    error_.reset();
    if (sync != sync_) {
        // In WAL mode NORMAL leaves out the sync of a commit, and nothing else.
        const int code = sqlite3_exec(
            handle_,
            sync == Sync::now ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
            nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) {
            fail(code);
            return;
        }
        sync_ = sync;
    }
    query("BEGIN IMMEDIATE").run();
}

Result<void> Database::finish() {
    query("COMMIT").run();
    if (!error_ && sync_ == Sync::later) {
        unsynced_ = pages_written();
    } else if (!error_ && unsynced_) {
        // SQLite syncs a commit that changed a page; an earlier one may wait for one that has not.
        if (pages_written() == *unsynced_) {
            sync_log();
        }
        if (!error_) {
            unsynced_.reset();
        }
    }
    if (!error_) {
        return {};
    }
    // Some errors have rolled back already; what a failed rollback leaves is undone when the file
    // is opened next.
    if (sqlite3_get_autocommit(handle_) == 0) {
        sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    return unexpected(take_error());
}

int Database::pages_written() const {
    int written = 0;
    int unused = 0;
    sqlite3_db_status(handle_, SQLITE_DBSTATUS_CACHE_WRITE, &written, &unused, 0);
    return written;
}

void Database::sync_log() {
    sqlite3_file* log = nullptr;
    int code = sqlite3_file_control(handle_, nullptr, SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code == SQLITE_OK && log != nullptr && log->pMethods != nullptr) {
        code = log->pMethods->xSync(log, SQLITE_SYNC_FULL);
    }
    if (code != SQLITE_OK) {
        error_ = describe_sqlite_error(code, sqlite3_errstr(code), path_);
    }
}

void Database::fail(int code) {
    if (!error_) {
        error_ = describe(code);
    }
}

Error Database::take_error() {
    Error error = std::move(*error_);
    error_.reset();
    return error;
}

Error Database::describe(int code) const {
    const int extended = sqlite3_extended_errcode(handle_);
    return describe_sqlite_error((extended & 0xff) == (code & 0xff) ? extended : code,
                                 sqlite3_errmsg(handle_), path_);
}

Error describe_sqlite_error(int extended_code, const std::string& detail, const std::string& path) {
    const std::string what =
        path + ": " + detail + " (SQLite " + std::to_string(extended_code) + ")";
    switch (extended_code & 0xff) {
        case SQLITE_FULL:
            return make_error(ErrorCode::store_full,
                              "no room for the local store " + what +
                                  "; nothing of the call was kept: free some "
                                  "space and call again");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return make_error(ErrorCode::store_in_use,
                              "the local store " + path +
                                  " is open in another process or client; a second device "
                                  "needs a store of its own");
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return make_error(ErrorCode::store_failed,
                              "the local store " + what +
                                  " is damaged; move the file away to begin as a new device, "
                                  "which gets the retained history from the server");
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
        case SQLITE_AUTH:
            return make_error(ErrorCode::store_failed,
                              "cannot open or write the local store " + what +
                                  "; check that the folder exists and is writable");
        default:
            return make_error(ErrorCode::store_failed, "the local store failed: " + what +
                                                           "; check the disk, then call again");
    }
}

}  // namespace parley::sqlite
