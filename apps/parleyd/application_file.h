#pragma once

#include "io/entropy.h"
#include "parley/result.h"
#include "server/node.h"

#include <string>
#include <string_view>

namespace parley::parleyd {

// DIR/application.json: the application that this server serves, for whoever signs its tokens.
// Made at the first start with a new key and secret; after that only read.
//
// Errors (invalid_argument) name the file, what was found and what to do. A file that is there is
// never replaced: whoever lost the secret of an application would lock out its users.
Result<server::Application> load_or_make_application(const std::string& path,
                                                     std::string_view issuer_prefix,
                                                     io::Entropy& entropy);

// Only reads; for `parleyd check`.
Result<server::Application> read_application(const std::string& path,
                                             std::string_view issuer_prefix);

}  // namespace parley::parleyd
