#pragma once

#include "admin/router.h"

#include <optional>
#include <string>

namespace parley::parleyd {

// At most so many users or sessions in one answer.
inline constexpr std::size_t kMostListed = 10'000;

// What makes no sense in a request, whatever the server holds: an id that cannot be any, a limit
// out of its range. One line that says what was found and what was wanted. The names of parts of
// paths and queries mean the same in every route.
std::optional<std::string> nonsense(const AdminRequest& request);

// Of the same range, for a command: what is wrong with this limit.
std::optional<std::string> wrong_limit(std::string_view name, std::string_view value);

}  // namespace parley::parleyd
