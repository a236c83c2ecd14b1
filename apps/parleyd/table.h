#pragma once

#include "base/log.h"
#include "io/loop.h"
#include "mailbox/table.h"
#include "settings.h"

#include <memory>
#include <string>

namespace parley::parleyd {

// Opens the engine that the settings name: one `case` for each engine there is. `loop` is where its
// commits are told. Errors: store_failed, with the folder and the engine's own words.
Result<std::unique_ptr<mailbox::Table>> open_table(const Settings& settings,
                                                   const std::string& folder, io::Loop& loop,
                                                   const Logger& log);

}  // namespace parley::parleyd
