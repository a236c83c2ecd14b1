#pragma once

#include <rocksdb/env.h>
#include <cstddef>

namespace parley::rocksdb {

// A log's file grows by this much, of zeros.
constexpr std::size_t kLogStep = 256 * 1024;

// The system's files, but for the engine's write-ahead logs: these grow in steps of zeros, which
// later commits write over. Where each commit makes the file longer its flush is two writes to the
// disk, one after the other: the bytes, and then the file's size (or the file system's journal).
// Where the bytes were there before it is one, and takes little more than half as long. What a
// process that ends leaves behind its last commit is zeros; log_file.h knows that. A log that the
// engine closes is cut to its length.
//
// One for the process, which lives as long as it does.
::rocksdb::Env* env_with_prepared_logs();

}  // namespace parley::rocksdb
