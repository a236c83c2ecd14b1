#include "settings.h"

#include "settings_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace parley::parleyd {
namespace {

using std::chrono::milliseconds;
using Problem = std::optional<std::string>;

// The setters below take a function that finds the field, so that the table of keys reads as a
// table. `least` and `most` bound the value; both are told to whoever misses them.

template <typename Field>
auto number(Field field, std::uint64_t least, std::uint64_t most) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        const auto value = parse_count(text);
        if (!value || *value < least || *value > most) {
            return fmt::format("a whole number from {} to {}", least, most);
        }
        using Value = std::remove_reference_t<decltype(field(settings))>;
        field(settings) = static_cast<Value>(*value);
        return std::nullopt;
    };
}

// In the largest unit that it is a whole number of.
std::string bytes_text(std::uint64_t bytes) {
    for (const auto& [unit, size] :
         {std::pair{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}}) {
        if (bytes >= size && bytes % size == 0) {
            return fmt::format("{}{}", bytes / size, unit);
        }
    }
    return std::to_string(bytes);
}

template <typename Field>
auto size(Field field, std::uint64_t least, std::uint64_t most) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        const auto value = parse_byte_count(text);
        if (!value || *value < least || *value > most) {
            return fmt::format("bytes from {} to {}, like 4096, 64KiB, 16MiB or 4GiB",
                               bytes_text(least), bytes_text(most));
        }
        using Value = std::remove_reference_t<decltype(field(settings))>;
        field(settings) = static_cast<Value>(*value);
        return std::nullopt;
    };
}

template <typename Field>
auto span(Field field, milliseconds least, milliseconds most) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        const auto value = parse_duration(text);
        if (!value || *value < least || *value > most) {
            return fmt::format(
                "a duration from {} to {}, a whole number with its unit: 500ms, 30s, 10m, 12h, 30d",
                to_string(least), to_string(most));
        }
        using Value = std::remove_reference_t<decltype(field(settings))>;
        const auto rounded = std::chrono::duration_cast<Value>(*value);
        if (rounded != *value) {
            return "a whole number of seconds";
        }
        field(settings) = rounded;
        return std::nullopt;
    };
}

template <typename Value>
using Choices = std::vector<std::pair<std::string_view, Value>>;

template <typename Field, typename Value>
auto choice(Field field, Choices<Value> choices) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        std::string names;
        for (const auto& [name, value] : choices) {
            if (name == text) {
                field(settings) = value;
                return std::nullopt;
            }
            names += (names.empty() ? "" : ", ") + std::string(name);
        }
        return choices.size() == 1 ? names + " (there is no other yet)" : "one of " + names;
    };
}

template <typename Field>
auto words(Field field) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        if (text.empty() || text.find('\0') != std::string_view::npos) {
            return "a text that is not empty";
        }
        field(settings) = std::string(text);
        return std::nullopt;
    };
}

template <typename Field>
auto address(Field field) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        auto value = parse_address(text);
        if (!value) {
            return "an address HOST:PORT, like 127.0.0.1:7700, [::1]:7700 or localhost:0";
        }
        field(settings) = *std::move(value);
        return std::nullopt;
    };
}

// Separated by commas, as in a variable; in the file an array.
template <typename Field>
auto networks(Field field) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        std::vector<asio::Network> found;
        while (!text.empty()) {
            const auto comma = std::min(text.find(','), text.size());
            const auto network = asio::Network::parse(std::string(text.substr(0, comma)));
            if (!network) {
                return "addresses or networks, like 192.0.2.1, 10.0.0.0/8 or "
                       "2001:db8::/32 (no bits "
                       "beyond the prefix)";
            }
            found.push_back(*network);
            text.remove_prefix(std::min(comma + 1, text.size()));
        }
        field(settings) = std::move(found);
        return std::nullopt;
    };
}

template <typename Field>
auto yes_or_no(Field field) {
    return [=](Settings& settings, std::string_view text) -> Problem {
        const auto value = parse_switch(text);
        if (!value) {
            return "true or false";
        }
        field(settings) = *value;
        return std::nullopt;
    };
}

#define PARLEY_FIELD(path) [](Settings& s) -> auto& { return s.path; }

void add_general_keys(std::vector<Key>& keys) {
    const Choices<Engine> engines{{"rocksdb", Engine::rocksdb}};
    const Choices<UnknownRecipients> unknown{{"reject", UnknownRecipients::reject},
                                             {"hold", UnknownRecipients::hold}};
    const Choices<LogLevel> levels{{"trace", LogLevel::trace},
                                   {"debug", LogLevel::debug},
                                   {"info", LogLevel::info},
                                   {"warn", LogLevel::warn},
                                   {"error", LogLevel::error}};
    const Choices<LogFormat> formats{{"text", LogFormat::text}, {"json", LogFormat::json}};
    const auto add = [&](std::string_view name, auto set) { keys.push_back({name, set, true}); };
    add("data", words(PARLEY_FIELD(data)));
    add("listen", address(PARLEY_FIELD(listen)));
    add("engine", choice(PARLEY_FIELD(engine), engines));
    add("retention", span(PARLEY_FIELD(node.limits.retention), 1s, 24h * 3650));
    add("unknown_recipients", choice(PARLEY_FIELD(unknown_recipients), unknown));
    add("threads", number(PARLEY_FIELD(threads), 0, 256));
    add("insecure_bind", yes_or_no(PARLEY_FIELD(insecure_bind)));
    add("admin.listen", address(PARLEY_FIELD(admin_listen)));
    add("tls.cert", words(PARLEY_FIELD(tls_cert)));
    add("tls.key", words(PARLEY_FIELD(tls_key)));
    add("log.level", choice(PARLEY_FIELD(log_level), levels));
    add("log.format", choice(PARLEY_FIELD(log_format), formats));
}

void add_limits(std::vector<Key>& keys) {
    constexpr std::uint64_t kMiB = 1ull << 20;
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    const auto add = [&](std::string_view name, auto set) { keys.push_back({name, set, false}); };
    add("limits.text_bytes", size(PARLEY_FIELD(node.limits.text_bytes), 1, 16 * kMiB));
    add("limits.header_bytes", size(PARLEY_FIELD(node.limits.header_bytes), 0, 16 * kMiB));
    add("limits.recipients", number(PARLEY_FIELD(node.limits.recipients), 1, 100'000));
    add("limits.recipient_bytes",
        size(PARLEY_FIELD(node.limits.recipient_bytes), kUserIdBytes, 32 * kMiB));
    add("limits.frame_bytes", size(PARLEY_FIELD(node.limits.frame_bytes), 1, 256 * kMiB));
    add("limits.inflight_submissions",
        number(PARLEY_FIELD(node.limits.inflight_submissions), 1, 1'000'000));
    add("limits.inflight_bytes", size(PARLEY_FIELD(node.limits.inflight_bytes), 1, 1024 * kMiB));
    add("limits.unacked_events", number(PARLEY_FIELD(node.limits.unacked_events), 1, 1'000'000));
    // A client whose app does not read holds this much in memory, and ends a session that sends
    // more than 64 MiB.
    add("limits.unacked_bytes", size(PARLEY_FIELD(node.limits.unacked_bytes), 1, 32 * kMiB));
    add("limits.retry_window", span(PARLEY_FIELD(node.limits.retry_window), 1s, 24h * 365));
    add("limits.ping_interval", span(PARLEY_FIELD(node.limits.ping_interval), 1s, 1h));
    add("limits.hello_timeout", span(PARLEY_FIELD(node.server.hello_timeout), 1s, 10min));
    add("limits.submit_timeout", span(PARLEY_FIELD(node.server.submit_timeout), 1s, 10min));
    add("limits.devices", number(PARLEY_FIELD(node.server.devices), 1, 10'000));
    add("limits.sessions", number(PARLEY_FIELD(node.server.sessions), 1, 10'000));
    add("limits.rate_per_second", number(PARLEY_FIELD(node.server.rate_per_second), 0, kMost));
    add("limits.rate_burst", number(PARLEY_FIELD(node.server.rate_burst), 0, kMost));
    add("limits.quota_pending_bytes",
        size(PARLEY_FIELD(node.server.quota_pending_bytes), 0, kSequenceEnd));
    add("limits.quota_retained_bytes",
        size(PARLEY_FIELD(node.server.quota_retained_bytes), 0, kSequenceEnd));
}

void add_connection_limits(std::vector<Key>& keys) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    const auto add = [&](std::string_view name, auto set) { keys.push_back({name, set, false}); };
    add("limits.connections", number(PARLEY_FIELD(connections), 0, kMost));
    add("limits.handshakes", number(PARLEY_FIELD(admission.handshakes), 0, kMost));
    add("limits.unauthenticated", number(PARLEY_FIELD(node.server.unauthenticated), 0, kMost));
    add("limits.address_connections",
        number(PARLEY_FIELD(admission.address_connections), 0, kMost));
    add("limits.address_unauthenticated",
        number(PARLEY_FIELD(admission.address_unauthenticated), 0, kMost));
    add("limits.address_rate", number(PARLEY_FIELD(admission.address_rate), 0, 1'000'000));
    add("limits.address_burst", number(PARLEY_FIELD(admission.address_burst), 1, 1'000'000));
    add("proxy.trusted", networks(PARLEY_FIELD(trusted_proxies)));
}

void add_rest(std::vector<Key>& keys) {
    const auto add = [&](std::string_view name, auto set) { keys.push_back({name, set, false}); };
    add("tokens.issuer_prefix", words(PARLEY_FIELD(node.issuer_prefix)));
    add("tokens.grace", span(PARLEY_FIELD(node.token_grace), 0s, 1h));
    add("store.free_space_reserve", size(PARLEY_FIELD(free_space_reserve), 0, kSequenceEnd));
    add("store.mark_delay", span(PARLEY_FIELD(node.mark_delay), 0s, 10s));
    // Together with what follows a drain this must stay below the 10 s of docs/cli.md.
    add("drain.timeout", span(PARLEY_FIELD(node.drain_timeout), 0s, 8s));
    add("drain.linger", span(PARLEY_FIELD(node.linger), 0s, 8s));
    add("drain.spread", span(PARLEY_FIELD(node.drain_spread), 0s, 10min));
}

#undef PARLEY_FIELD

// How many letters must change to make one of the other: to guess what was meant.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
        }
    }
    return row.back();
}

std::string suggestion(const std::vector<Key>& keys, std::string_view wrong) {
    constexpr std::size_t kLongestGuessed = 64;
    if (wrong.size() > kLongestGuessed) {
        return "";
    }
    const auto nearest = std::min_element(keys.begin(), keys.end(), [&](auto& a, auto& b) {
        return distance(a.name, wrong) < distance(b.name, wrong);
    });
    return distance(nearest->name, wrong) <= 3 ? fmt::format("; is {} meant?", nearest->name) : "";
}

// What was found, in quotes, on one line and not longer than a line.
std::string quoted(std::string_view value) {
    constexpr std::size_t kShown = 80;
    std::string text(value.substr(0, kShown));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    return '"' + text + (value.size() > kShown ? "...\"" : "\"");
}

class Loading {
  public:
    Loading(Loaded& loaded, const std::vector<Key>& keys) : loaded_(loaded), keys_(keys) {}

    void take(const Given& given) {
        const auto key = std::find_if(keys_.begin(), keys_.end(),
                                      [&](const Key& known) { return known.name == given.key; });
        // A flag or a variable names its key itself.
        const bool is_from_file = given.where.find(':') != std::string::npos;
        const std::string subject = is_from_file ? given.where + ": " + given.key : given.where;
        if (key == keys_.end()) {
            loaded_.problems.push_back(
                fmt::format("{}: there is no such key{}", subject, suggestion(keys_, given.key)));
            return;
        }
        if (const auto wanted = key->set(loaded_.settings, given.value)) {
            loaded_.problems.push_back(
                fmt::format("{}: found {}, wanted {}", subject, quoted(given.value), *wanted));
            loaded_.refused.insert(given.key);
        }
        where_[given.key] = given.where;
    }

    const std::map<std::string, std::string>& where() const { return where_; }

  private:
    Loaded& loaded_;
    const std::vector<Key>& keys_;
    std::map<std::string, std::string> where_;
};

}  // namespace

std::vector<Key> setting_keys() {
    std::vector<Key> keys;
    add_general_keys(keys);
    add_limits(keys);
    add_connection_limits(keys);
    add_rest(keys);
    return keys;
}

std::string variable_of(std::string_view key) {
    std::string name = "PARLEY_";
    for (const char c : key) {
        name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return name;
}

std::string flag_of(std::string_view key) {
    std::string name = "--" + std::string(key);
    std::replace_if(name.begin(), name.end(), [](char c) { return c == '.' || c == '_'; }, '-');
    return name;
}

Loaded load_settings(const SettingsFile& file,
                     const std::map<std::string, std::string>& environment,
                     const std::vector<Given>& from_flags) {
    const std::vector<Key> keys = setting_keys();
    Loaded loaded;
    loaded.problems = file.problems;
    loaded.refused = {file.refused.begin(), file.refused.end()};
    loaded.is_file_read = file.is_read;
    Loading loading(loaded, keys);
    for (const Given& given : file.given) {
        loading.take(given);
    }
    // PARLEY_TOKEN is for the command line client, which may share our terminal.
    std::set<std::string> known{"PARLEY_CONFIG", "PARLEY_TOKEN"};
    for (const Key& key : keys) {
        const std::string variable = variable_of(key.name);
        known.insert(variable);
        if (const auto found = environment.find(variable); found != environment.end()) {
            loading.take({std::string(key.name), found->second, variable});
        }
    }
    for (const Given& given : from_flags) {
        loading.take(given);
    }
    for (const auto& [variable, value] : environment) {
        if (variable.starts_with("PARLEY_") && !known.contains(variable)) {
            loaded.unknown_variables.push_back(variable);
        }
    }
    loaded.where = loading.where();
    for (std::string& problem : check_relations(loaded)) {
        loaded.problems.push_back(std::move(problem));
    }
    return loaded;
}

}  // namespace parley::parleyd
