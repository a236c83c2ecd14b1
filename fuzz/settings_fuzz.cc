// Any configuration file, environment and flags end in settings or in problems of one line each,
// and settings without problems are ones that a server can run with.
#include "apps/parleyd/settings.h"
#include "apps/parleyd/settings_file.h"
#include "base/assert.h"

#include <algorithm>
#include <cstdint>
#include <set>

namespace parley::parleyd {
namespace {

// The input is the file, then lines "VARIABLE=VALUE", then lines "key=value", parted by lines
// "---".
std::string_view take_part(std::string_view& input) {
    constexpr std::string_view kBorder = "\n---\n";
    const auto end = input.find(kBorder);
    const std::string_view part = input.substr(0, end);
    input.remove_prefix(end == input.npos ? input.size() : end + kBorder.size());
    return part;
}

template <typename Take>
void each_pair(std::string_view lines, Take take) {
    while (!lines.empty()) {
        const auto end = std::min(lines.find('\n'), lines.size());
        const std::string_view line = lines.substr(0, end);
        if (const auto equals = line.find('='); equals != line.npos) {
            take(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
        }
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
}

void read(std::string_view input) {
    const SettingsFile file = parse_settings_file(take_part(input), "f.toml");
    std::map<std::string, std::string> environment;
    each_pair(take_part(input), [&](std::string name, std::string value) {
        environment.emplace(std::move(name), std::move(value));
    });
    std::set<std::string, std::less<>> keys;
    for (const Key& key : setting_keys()) {
        keys.emplace(key.name);
    }
    std::vector<Given> flags;
    each_pair(input, [&](std::string key, std::string value) {
        // The command line gives no others.
        if (keys.contains(key)) {
            flags.push_back({key, std::move(value), flag_of(key)});
        }
    });
    const Loaded loaded = load_settings(file, environment, flags);
    for (const std::string& problem : loaded.problems) {
        PARLEY_ASSERT(!problem.empty() && problem.size() < 1000);
        PARLEY_ASSERT(
            std::none_of(problem.begin(), problem.end(), [](char c) { return c >= 0 && c < ' '; }));
    }
    if (loaded.problems.empty()) {
        PARLEY_ASSERT(server::check_options(loaded.settings.node).empty());
        PARLEY_ASSERT(loaded.settings.tls_cert.empty() == loaded.settings.tls_key.empty());
        PARLEY_ASSERT(loaded.settings.insecure_bind || !loaded.settings.tls_cert.empty() ||
                      is_loopback(loaded.settings.listen));
    }
}

}  // namespace
}  // namespace parley::parleyd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    parley::parleyd::read({reinterpret_cast<const char*>(data), size});
    return 0;
}
