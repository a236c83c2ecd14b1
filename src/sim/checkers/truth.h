#pragma once

#include "base/ids.h"
#include "sim/scheduler.h"
#include "sim/sim_table.h"
#include "sim/verdict.h"
#include "wire/frames.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

namespace parley::sim {

// What is durable on the server's disk, read from each commit at the moment of its flush: the
// ground truth that everything said is held against. It also checks what must hold of a mailbox by
// itself.
class Truth final : public DurableObserver {
  public:
    struct Incoming {
        Sequence sequence;
        std::int64_t at_ms = 0;
        MessageId message;    // of the chain, the one that was accepted
        bool erased = false;  // gone with a restore: nobody can be held to it
    };
    // (recipient, sender, key)
    using PairKey = std::tuple<UserId, UserId, ChainKey>;

    Truth(ApplicationKey application, const SimDisk& disk, const Scheduler& scheduler,
          Verdict& verdict);

    // Every user there may be, so that mailboxes can be told apart by their keys.
    void expect_user(const UserId& user);

    void durable(const mailbox::Commit& commit) override;
    void restored() override;

    const Incoming* incoming(const UserId& recipient, const UserId& sender,
                             const ChainKey& key) const;
    // Was durable, at some time.
    bool sent(const UserId& recipient, const UserId& sender, const ChainKey& key) const;
    bool delivered(const UserId& recipient, const UserId& sender, const ChainKey& key) const;
    // It was durable, and a restore took it: where a store takes `incoming` and `sent` in two
    // commits, a copy may lie between them.
    bool sent_is_gone(const PairKey& pair) const {
        return sent_before_.contains(pair) && !sent_.contains(pair);
    }
    // Is there an event with this sequence in the user's mailbox?
    bool holds(const UserId& user, Sequence sequence) const;
    const std::map<PairKey, Incoming>& all_incoming() const { return incoming_; }
    // How far a device of the user has acknowledged; told by who sees the acknowledgements.
    void acknowledged(const UserId& user, Sequence sequence);

    std::uint64_t accepted() const { return incoming_.size(); }
    std::uint64_t receipts() const { return delivered_.size(); }
    // Restores so far.
    int restores() const { return restores_; }

  private:
    struct Mailbox {
        UserId user;
        Sequence newest;
        std::int64_t newest_at_ms = 0;
        Sequence acknowledged;
        std::set<std::uint64_t> sequences;
    };
    // Reads and checks one event; nothing if it can't be read.
    std::optional<wire::Event> take(Mailbox& mailbox, Sequence sequence, std::string_view value);
    void learn(Mailbox& mailbox, const wire::Event& event);
    void check_order(const Mailbox& mailbox, const wire::Event& event);

    ApplicationKey application_;
    const SimDisk& disk_;
    const Scheduler& scheduler_;
    Verdict& verdict_;
    std::map<Bytes, Mailbox, std::less<>> mailboxes_;  // by the prefix of their keys
    std::map<UserId, Mailbox*> by_user_;
    std::map<PairKey, Incoming> incoming_;
    std::set<PairKey> sent_;
    std::set<PairKey> delivered_;
    std::set<PairKey> sent_before_;  // a restore
    std::set<PairKey> delivered_before_;
    int restores_ = 0;
};

}  // namespace parley::sim
