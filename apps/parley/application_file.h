#pragma once

#include "parley/result.h"

#include <string>

namespace parley::cli {

// What parleyd writes at its first start: DATA/application.json.
struct ApplicationFile {
    std::string application_key;
    std::string application_secret;
    std::string issuer_prefix;  // "issuer" without the key at its end
};

// Errors: invalid_argument, one line that names the file and what is wrong with it.
Result<ApplicationFile> read_application_file(const std::string& path);

}  // namespace parley::cli
