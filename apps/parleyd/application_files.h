#pragma once

#include "io/entropy.h"
#include "parley/result.h"
#include "server/node.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::parleyd {

// The applications that a server serves, each with its key and secrets in a file of its own (mode
// 0600), for whoever signs its tokens:
//
//   DIR/application.json         the first one; always there
//   DIR/applications/KEY.json    further ones
//
// The files are the truth: a change is durable before it is told, and one made by hand counts after
// reload(). Held by whoever holds the data folder; one loop, but for read().
//
// Errors (invalid_argument) name the file, what was found and what to do.
class ApplicationFiles {
  public:
    struct Entry {
        server::Application application;  // the newest secret first
        std::string file;
        bool is_first = false;  // that of application.json

        bool has_previous() const { return application.secrets.size() > 1; }
    };

    using Entries = std::map<ApplicationKey, Entry>;

    // `entropy` outlives this. Nothing is read before reload().
    ApplicationFiles(std::string folder, std::string issuer_prefix, io::Entropy& entropy);

    // Reads all files. On an error what was known before stays.
    Result<void> reload();
    // The same in two steps, for files that may be slow: read() on any thread, then take() of what
    // it read. Where changes() is another number by then, what was read is not to be trusted: a
    // change of ours came in between.
    Result<Entries> read() const;
    std::uint64_t changes() const { return changes_; }
    void take(Entries read) { entries_ = std::move(read); }
    // What is wrong with the files for a start, which makes the first one where there is none.
    Result<void> check() const;

    // The first one first, then by key.
    std::vector<Entry> entries() const;
    const Entry* find(const ApplicationKey& key) const;
    std::vector<server::Application> applications() const;

    // A new application, with a random key if none is given. Refused: a key that is taken,
    // also by a file that was not loaded yet, or is none.
    Result<Entry> create(std::optional<std::string> key);
    // A new secret, which signs from now on; the one before stays valid, older ones end. The key
    // must be there.
    Result<Entry> rotate(const ApplicationKey& key);
    // Ends the secret before the newest. The key must be there.
    Result<Entry> drop_previous(const ApplicationKey& key);
    // Removes the file. The key must be there and not be the first one's.
    Result<void> remove(const ApplicationKey& key);

  private:
    // What the file says now: a secret that was put there by hand is not lost by a change of ours.
    Result<Entry> read_again(const ApplicationKey& key) const;
    Result<void> read_first(Entries& entries) const;
    Result<void> read_further(Entries& entries) const;
    Result<Entry> write(Entry entry);

    const std::string folder_;
    const std::string issuer_prefix_;
    io::Entropy& entropy_;
    Entries entries_;
    std::uint64_t changes_ = 0;  // of the files, by this object
};

}  // namespace parley::parleyd
