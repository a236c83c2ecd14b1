#pragma once

#include "parley/result.h"

#include <string>
#include <string_view>

namespace parley::parleyd {

// A whole file of at most `limit` bytes. Errors name the path and the reason.
Result<std::string> read_file(const std::string& path, std::size_t limit);

// Writes a file that is there completely or not at all, also after a power loss: a temporary file
// beside it, flushed, renamed, and the folder flushed. Mode 0600. Errors name the path and the
// reason.
Result<void> write_private_file(const std::string& path, std::string_view content);

// Removes a file, also after a power loss. Errors name the path and the reason.
Result<void> remove_file(const std::string& path);

// Makes durable what was made or removed in the folder of this file. Errors name the folder.
Result<void> flush_folder_of(const std::string& path);

// Makes the folder, mode 0700, and those above it, durably. Fine where it is one already. Errors
// name the path and the reason.
Result<void> make_private_folder(const std::string& path);

// "what: path: No such file or directory", from errno.
Error file_error(std::string_view what, const std::string& path);

}  // namespace parley::parleyd
