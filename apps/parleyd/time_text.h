#pragma once

#include "base/time.h"

#include <string>

namespace parley::parleyd {

// RFC 3339 in UTC with milliseconds: 2024-05-01T12:00:00.123Z.
std::string to_rfc3339(WallTime time);

}  // namespace parley::parleyd
