#pragma once

#include "parley/result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace parley::sqlite {

class Database;

// When a commit reaches the disk. Whole and in order it is there in each case: `later` it may be
// lost with the power, but not before what was committed after it.
enum class Sync {
    now,    // before the commit returns
    later,  // with the next one that is `now`, or when the system comes to it
};

// One use of a prepared statement: bind in order, then step. Gives the statement back when it goes.
// While the database is in error nothing is executed and no row comes.
class Query {
  public:
    Query(Database& database, sqlite3_stmt* statement)
        : database_(database), statement_(statement) {}
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    Query& bind(std::int64_t value);
    // The text must live as long as the query.
    Query& bind(std::string_view value);
    Query& bind_blob(std::string_view value);
    Query& bind(const std::optional<std::int64_t>& value);
    Query& bind_null();

    // True: there is a row. False: no more, or an error (kept in the database).
    bool step();
    // Executes a statement that gives no rows; how many rows it changed.
    int run();

    std::int64_t integer(int column) const;
    std::optional<std::int64_t> maybe_integer(int column) const;
    std::string text(int column) const;
    // Valid until the next step().
    std::string_view view(int column) const;
    bool is_null(int column) const;

  private:
    void check(int code);

    Database& database_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
};

// A connection with its prepared statements. The first error sticks until the transaction ends, so
// that code in between need not look at each step. One thread.
class Database {
  public:
    // Errors: store_failed, store_in_use, store_full.
    static Result<std::unique_ptr<Database>> open(const std::string& path, const std::string& vfs);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // `sql` is a literal: it is prepared once.
    Query query(const char* sql);
    // Runs statements that are not worth keeping.
    Result<void> execute(const std::string& sql);

    // Runs `work` in one transaction. What it returns counts if the commit succeeds, else nothing
    // is kept.
    template <typename Work>
    auto transaction(Sync sync, Work work) -> Result<decltype(work())>;
    // Runs `work`, which only reads; its result counts if there was no error.
    template <typename Work>
    auto reading(Work work) -> Result<decltype(work())>;

    const std::string& path() const { return path_; }

  private:
    friend class Query;
    Database(sqlite3* handle, std::string path);
    void begin(Sync sync);
    Result<void> finish();
    int pages_written() const;
    void sync_log();
    void fail(int code);
    Error take_error();
    Error describe(int code) const;

    sqlite3* handle_;
    std::string path_;
    std::map<const char*, sqlite3_stmt*> statements_;
    std::optional<Error> error_;
    Sync sync_ = Sync::now;
    // pages_written() when the last commit that is not synced yet was made.
    std::optional<int> unsynced_;
};

template <typename Work>
auto Database::transaction(Sync sync, Work work) -> Result<decltype(work())> {
    begin(sync);
    auto result = work();
    if (auto finished = finish(); !finished) {
        return unexpected(std::move(finished).error());
    }
    return result;
}

template <typename Work>
auto Database::reading(Work work) -> Result<decltype(work())> {
    auto result = work();
    if (error_) {
        return unexpected(take_error());
    }
    return result;
}

// What went wrong, for a developer: names the file and what to do.
Error describe_sqlite_error(int extended_code, const std::string& detail, const std::string& path);

}  // namespace parley::sqlite
