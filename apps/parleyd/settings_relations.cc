#include "settings.h"

#include <fmt/format.h>

#include <algorithm>

namespace parley::parleyd {
namespace {

// control.sock must fit the address of a Unix socket.
constexpr std::size_t kLongestData = 107 - std::string_view("/control.sock").size();

// Whether a problem speaks of the key, with or without the name of its table.
bool has_key(std::string_view problem, std::string_view key) {
    key.remove_prefix(key.find('.') == key.npos ? 0 : key.find('.') + 1);
    const auto is_part = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
    for (std::size_t at = problem.find(key); at != problem.npos; at = problem.find(key, at + 1)) {
        const std::size_t end = at + key.size();
        if ((at == 0 || !is_part(problem[at - 1])) &&
            (end == problem.size() || !is_part(problem[end]))) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::string name_of_key(std::string_view key, const std::map<std::string, std::string>& where) {
    const auto found = where.find(std::string(key));
    return found == where.end() ? fmt::format("{} (default)", key)
                                : fmt::format("{} ({})", key, found->second);
}

std::uint32_t connection_threads(std::uint32_t setting, unsigned cores) {
    return setting != 0 ? setting : std::max(1u, cores);
}

std::uint32_t sessions_per_loop(std::uint32_t connections, std::size_t loops) {
    const std::uint64_t in_all = std::uint64_t{connections} * 15 / 16;
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (in_all + loops - 1) / loops));
}

std::vector<std::string> check_relations(const Loaded& loaded) {
    const Settings& settings = loaded.settings;
    std::vector<std::string> problems;
    const auto name = [&](std::string_view key) { return name_of_key(key, loaded.where); };

    // The core names its fields; they are the keys of [limits].
    for (const std::string& problem : server::check_options(settings.node)) {
        const auto end = std::min(problem.find(' '), problem.size());
        problems.push_back(name("limits." + problem.substr(0, end)) + problem.substr(end));
    }
    if (settings.tls_cert.empty() != settings.tls_key.empty()) {
        const bool has_cert = !settings.tls_cert.empty();
        problems.push_back(fmt::format("{} is given without {}: TLS needs both or none",
                                       name(has_cert ? "tls.cert" : "tls.key"),
                                       has_cert ? "tls.key" : "tls.cert"));
    }
    if (!settings.insecure_bind && settings.tls_cert.empty() && settings.tls_key.empty() &&
        !is_loopback(settings.listen)) {
        problems.push_back(fmt::format(
            "{} is {}, which other machines can reach, and there is no TLS: give --tls-cert and "
            "--tls-key, listen on 127.0.0.1, or say --insecure-bind",
            name("listen"), to_string(settings.listen)));
    }
    if (!settings.insecure_bind && settings.admin_listen && !is_loopback(*settings.admin_listen)) {
        problems.push_back(fmt::format(
            "{} is {}, which other machines can reach, and administration has no TLS: listen on "
            "127.0.0.1, or say --insecure-bind",
            name("admin.listen"), to_string(*settings.admin_listen)));
    }
    // Port 0 is any free one, each time another.
    if (settings.admin_listen == settings.listen && settings.listen.port != 0) {
        problems.push_back(
            fmt::format("{} is {}, where {} is too: administration needs an address of its own",
                        name("admin.listen"), to_string(settings.listen), name("listen")));
    }
    if (settings.data.size() > kLongestData) {
        problems.push_back(fmt::format(
            "{} has {} characters: at most {} leave room for control.sock in it; a path from the "
            "working directory may be shorter",
            name("data"), settings.data.size(), kLongestData));
    }
    // A value that is wrong by itself is told as that; what it would have to do with others is
    // unknown.
    std::erase_if(problems, [&](const std::string& problem) {
        return std::any_of(loaded.refused.begin(), loaded.refused.end(),
                           [&](const std::string& key) { return has_key(problem, key); });
    });
    return problems;
}

}  // namespace parley::parleyd
