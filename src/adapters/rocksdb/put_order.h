#pragma once

#include "mailbox/table.h"

#include <vector>

namespace parley::rocksdb {

// By space and key, so that each insertion into the tables in memory begins near where the last one
// ended. (The engine's insertion hints would do more, but RocksDB 7.8 fails an assertion of its own
// with them: one message of 64 KiB was enough to see it.)
std::vector<const mailbox::Put*> in_order(const std::vector<mailbox::Put>& puts);

}  // namespace parley::rocksdb
