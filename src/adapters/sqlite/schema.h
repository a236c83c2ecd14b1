#pragma once

#include "adapters/sqlite/database.h"

#include <span>

namespace parley::sqlite {

// Takes a store from the version at its place in the list to the next one.
using Migration = const char*;

// From an empty file to the newest version, in order (spec/local_store.md). Shipped ones never
// change.
std::span<const Migration> migrations();

// Brings the store to the newest version in one transaction. Errors: store_foreign (the file is
// somebody else's, or of a newer version), store_failed, store_full.
Result<void> migrate(Database& database, std::span<const Migration> steps);

}  // namespace parley::sqlite
