#pragma once

#include "adapters/asio/admission.h"
#include "base/log.h"
#include "server/node.h"
#include "values.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// All that can be set about a server, and how it is put together from flags, environment and file.
namespace parley::parleyd {

enum class Engine { rocksdb };
enum class LogFormat { text, json };
enum class UnknownRecipients { reject, hold };

struct Settings {
    std::string data = "./parley-data";
    Address listen{"127.0.0.1", 7700};
    std::optional<Address> admin_listen;
    std::string tls_cert;  // both or none
    std::string tls_key;
    Engine engine = Engine::rocksdb;
    UnknownRecipients unknown_recipients = UnknownRecipients::reject;  // R13
    std::uint32_t threads = 0;  // loops for connections; 0: one for each core
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;
    bool insecure_bind = false;
    std::uint64_t free_space_reserve = 64ull << 20;  // appends wait below it
    std::uint32_t connections = 0;                   // 0: what the descriptor limit allows
    // `connections` of it is worked out from the above. Why these defaults:
    // docs/operations/limits.md.
    asio::AdmissionLimits admission{.handshakes = 4096,
                                    .address_connections = 10'000,
                                    .address_unauthenticated = 256,
                                    .address_rate = 100,
                                    .address_burst = 1000};
    std::vector<asio::Network> trusted_proxies;
    server::NodeOptions node;  // limits, tokens, draining
};

// One value that somebody gave. `where` names it for people: "parley.toml:12", "PARLEY_RETENTION",
// "--retention".
struct Given {
    std::string key;  // "limits.text_bytes"
    std::string value;
    std::string where;
};

// A key of the file. Its variable is PARLEY_ and the name in capitals with `_` for `.`.
struct Key {
    std::string_view name;
    // Takes the value or says in one phrase what was wanted.
    std::function<std::optional<std::string>(Settings&, std::string_view)> set;
    bool has_flag = false;  // then the flag is the name with `-` for `.` and `_`
};

// Every key there is, in the order of deploy/parleyd.toml.
std::vector<Key> setting_keys();
std::string variable_of(std::string_view key);
std::string flag_of(std::string_view key);

struct SettingsFile;

// What came out of the three sources. With problems the settings must not be used.
struct Loaded {
    Settings settings;
    std::vector<std::string> problems;  // one line each: where, key, what was found, what to do
    std::vector<std::string> unknown_variables;  // PARLEY_ variables that mean nothing to us
    std::map<std::string, std::string> where;    // the source of each key that was given
    std::set<std::string> refused;  // keys with a problem of their own: their defaults stand there
    bool is_file_read = true;       // or its text is not TOML, and what it asks for unknown
};

// Puts the sources together: a flag wins over the environment, that over the file, that over the
// default. `environment` holds all variables of the process. Reports every mistake, not only the
// first.
Loaded load_settings(const SettingsFile& file,
                     const std::map<std::string, std::string>& environment,
                     const std::vector<Given>& from_flags);

// What is wrong between settings that are each valid.
std::vector<std::string> check_relations(const Loaded& loaded);

// For people: the key, and in parentheses where it was given or that it is the default.
std::string name_of_key(std::string_view key, const std::map<std::string, std::string>& where);

// How many loops there are for connections, of a machine with so many cores (0: nobody knows). The
// store's own thread is not reckoned with: most of the time it waits for the disk.
std::uint32_t connection_threads(std::uint32_t setting, unsigned cores);

// How many sessions a loop takes, of a server that takes so many connections: somewhat fewer than
// its share, so that those in between are told why they are sent away, and at least one.
std::uint32_t sessions_per_loop(std::uint32_t connections, std::size_t loops);

}  // namespace parley::parleyd
