#pragma once

#include "parley/result.h"

#include <string>

namespace parley::parleyd {

// A folder of data has one owner. What root writes into another's, that user cannot read any more;
// the next start of the server would fail by it.

// Refuses root where the folder is there and belongs to somebody else (invalid_argument, with whom
// to be).
Result<void> check_owner(const std::string& data);

// Whether this process may use the folder and all that is in it; nothing wrong where there is none.
// An error (store_failed) names what it may not read or write, whose that is, and how to go on.
Result<void> check_access(const std::string& data);

// The user that this process runs as.
std::string own_name();

// Both.
Result<void> check_usable(const std::string& data);

}  // namespace parley::parleyd
