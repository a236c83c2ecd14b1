#pragma once

#include "settings.h"

#include <string>
#include <string_view>
#include <vector>

namespace parley::parleyd {

// What a TOML file says, in its order, and what is wrong with it as a file.
struct SettingsFile {
    std::vector<Given> given;
    std::vector<std::string> problems;
    std::vector<std::string> refused;  // keys whose values are of a kind that none takes
    bool is_read = true;               // or nothing of it could be
};

SettingsFile read_settings_file(const std::string& path);
// The same for a text; `path` names it in the answers.
SettingsFile parse_settings_file(std::string_view text, const std::string& path);

}  // namespace parley::parleyd
