#pragma once

#include "parley/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The engine's write-ahead log as a file, read without the engine: what is intact of one that the
// engine refuses.
namespace parley::rocksdb {

// The logs in the engine's folder, oldest first.
Result<std::vector<std::string>> log_files(const std::string& engine_folder);

struct LogDamage {
    std::uint64_t at = 0;  // where the first record that is not whole begins
    bool is_hole = false;  // a sector of it holds zeros only, as where it was never written
    // It is the end that is missing: of the file, or there are only zeros from within the record
    // on, as in room that was prepared (prepared_log.h). A process that is killed leaves that.
    bool torn = false;
    // A record that begins behind it, is intact and goes on with the log's sequence numbers.
    std::optional<std::uint64_t> intact_after{};
};

// Nothing: every record is whole. Memory is bounded by one block. Errors: the file cannot be read.
Result<std::optional<LogDamage>> find_log_damage(const std::string& file);

// Whether the engine may be opened up to the damage in its newest log that was written to, without
// it: because the only thing damaged is its last write, and in a way as a power cut leaves one that
// was under way: not flushed, so that nobody had an answer. (A disk that lost a sector of the last
// write looks the same where nothing was written since.) What is cut, in words; nothing: the logs
// are whole, it is something else. An error says why not.
Result<std::optional<std::string>> judge_damaged_log(const std::string& engine_folder);

}  // namespace parley::rocksdb
