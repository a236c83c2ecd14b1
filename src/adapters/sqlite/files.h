#pragma once

#include "parley/result.h"

#include <string>

namespace parley::sqlite {

// The one file of a store; SQLite keeps "-wal" beside it while the store is open.
std::string store_path(const std::string& folder);

// Makes the folder (0700, with what is missing above it) and an empty file (0600), durably. Errors:
// store_failed, store_full.
Result<void> prepare_store_files(const std::string& folder);
// Removes the folder if nothing is left in it.
void remove_empty_folder(const std::string& folder);

}  // namespace parley::sqlite
