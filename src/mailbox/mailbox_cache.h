#pragma once

#include "mailbox/damage.h"
#include "mailbox/reader.h"

#include <list>
#include <unordered_set>
#include <vector>

namespace parley::mailbox {

// What the writer knows of one mailbox. Runs ahead of the Table by the batch that is being written.
struct MailboxState {
    MailboxId id;
    MailboxKey key{};
    UserRecord record;
    Position position;
    bool recorded = false;  // there is a record
    bool persist = false;   // the record is to be written with this batch
    // For the quotas: what had been counted before the oldest event that is retained, and before
    // the event behind the mark, when they were last looked up.
    std::uint64_t floor_incoming = 0;
    std::uint64_t floor_bytes = 0;
    std::uint64_t looked_up_mark = 0;
    WallTime looked_up_at{};
};

// The states of the mailboxes written last, at most `most`. Belongs to the writer. Pointers stay
// valid until trim(), forget() or clear.
class MailboxCache {
  public:
    MailboxCache(Table& table, Damage& damage, std::size_t most)
        : table_(table), damage_(damage), most_(most) {}

    // Makes sure that all these are at hand, with one lookup for those that are not. A mailbox
    // whose records cannot be read is left out and noted as damage.
    void load(const std::vector<const MailboxId*>& ids, WallTime expired);
    // Nothing: not loaded, or not readable.
    MailboxState* find(const MailboxId& id);
    // A user's record and nothing else, which is not kept: for those who mostly find that there is
    // nothing to write, and are many. Nothing: not readable, which is noted as damage.
    struct User {
        MailboxKey mailbox{};
        UserRecord record;
    };
    std::optional<User> look_up(const MailboxId& id);
    // The same for a mailbox that is to be erased: its record is enough, since its ceiling bounds
    // what was given out. Nothing: not even that is readable.
    MailboxState* find_to_erase(const MailboxId& id);
    // What was written of it did not become durable: read again next time.
    void forget(const MailboxId& id);
    // Between batches.
    void trim();

  private:
    using States = std::list<MailboxState>;
    // States are found by their ids, of which the index needs no copy.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const MailboxId& id) const { return std::hash<MailboxId>{}(id); }
        std::size_t operator()(States::iterator state) const { return (*this)(state->id); }
    };
    struct Same {
        using is_transparent = void;
        bool operator()(States::iterator a, States::iterator b) const { return a == b; }
        bool operator()(const MailboxId& a, States::iterator b) const { return a == b->id; }
        bool operator()(States::iterator a, const MailboxId& b) const { return a->id == b; }
    };
    void add(const MailboxId& id, const std::optional<Bytes>& value, WallTime expired);

    Table& table_;
    Damage& damage_;
    std::size_t most_;
    States states_;  // used last first
    std::unordered_set<States::iterator, Hash, Same> index_;
};

}  // namespace parley::mailbox
