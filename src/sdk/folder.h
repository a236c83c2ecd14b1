#pragma once

#include "parley/result.h"

#include <string>

namespace parley::sdk {

// Makes the folder of a local store with all that is missing above it, mode 0700. Errors:
// store_full, store_failed with the folder that could not be made and why.
Result<void> make_folder(const std::string& folder);
// Removes the folder if nothing is left in it.
void remove_folder(const std::string& folder);

}  // namespace parley::sdk
