#pragma once

#include "base/log.h"
#include "client/local_store.h"
#include "parley/result.h"

#include <memory>
#include <string>

namespace parley::sqlite {

struct SqliteStoreOptions {
    // The folder of the store: made with mode 0700 where it is missing, the file in it is store.db
    // with mode 0600.
    std::string folder;
    // A registered SQLite VFS (the simulator's disk); empty: the system's. With one the folder is
    // not touched: the path
    // "<folder>/store.db" is the VFS's business.
    std::string vfs;
};

// client::LocalStore on SQLite: one file in WAL mode with synchronous=FULL, locked for as long as
// it is open (spec/local_store.md). Errors: store_in_use (another process or client has it),
// store_foreign (made by a newer version), store_full, store_failed (names the file and what to
// do).
Result<std::unique_ptr<client::LocalStore>> open_sqlite_store(const SqliteStoreOptions& options,
                                                              Logger log);

}  // namespace parley::sqlite
