#pragma once

#include "mailbox/table.h"
#include "manifest.h"

#include <functional>
#include <string>

namespace parley::parleyd {

// Copies a consistent state of the store that is open in `data`, and the applications, into the new
// folder `to` (spec/backup.md). Blocks; any thread. What was committed before the call is in it.
// The folder is there whole or not at all, durably. Errors name the file and what the system says
// of it.
Result<Manifest> make_backup(mailbox::Table& table, const std::string& data, const std::string& to,
                             std::string made);

// What a folder says that it holds. Errors: it is no backup.
Result<Manifest> read_manifest(const std::string& backup);
using BackupFinding = std::function<void(const std::string& file, const std::string& what)>;
// Calls `finding` for each file of the backup that is missing or not as the manifest says.
void check_backup(const std::string& backup, const Manifest& manifest,
                  const BackupFinding& finding);

// Copies a backup into the data folder `data`, which is new or empty, durably. Its store has no
// epoch: the first start gives it a new one (R19). Run by root it leaves all to the owner of `data`
// or, where that is new, of the folder above. Errors name the file; then nothing but an empty
// folder is left there. The tables are not read: rocksdb::check_files() is the caller's.
Result<Manifest> restore_backup(const std::string& backup, const std::string& data);

}  // namespace parley::parleyd
