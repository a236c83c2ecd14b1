#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace parley::cli {

// Writes all of it to standard output, past every buffer, and waits where the reader is slow.
// Returns why if that failed. With SIGPIPE ignored a reader that has gone is such a reason too.
std::optional<std::string> try_write_output(std::string_view bytes);

// As above. If it fails the process says why on standard error and ends at once with
// kMessageFailed: the callback that writes then does not count as done, so that what it was told
// comes again in the next run.
void write_output(std::string_view bytes);
// The second half of it.
[[noreturn]] void end_without_output(std::string_view why);

}  // namespace parley::cli
