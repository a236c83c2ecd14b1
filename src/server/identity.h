#pragma once

#include "base/ids.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace parley::server {

// Who a session is.
struct Identity {
    MailboxId mailbox;
    DeviceId device;
};

// Made once, when the Hello is accepted, and never changed: the session and all tables that list
// it, on whichever loop, hold the same one, since names are a good part of what an idle session
// costs.
using SharedIdentity = std::shared_ptr<const Identity>;

// For tables with an entry for each mailbox, found by its id. The key is the identity of the
// session that made the entry, which may outlive that session.
struct HashOfMailbox {
    using is_transparent = void;
    std::size_t operator()(const MailboxId& id) const noexcept {
        return std::hash<MailboxId>{}(id);
    }
    std::size_t operator()(const SharedIdentity& one) const noexcept {
        return (*this)(one->mailbox);
    }
};
struct SameMailbox {
    using is_transparent = void;
    static const MailboxId& id_of(const MailboxId& id) { return id; }
    static const MailboxId& id_of(const SharedIdentity& one) { return one->mailbox; }
    bool operator()(const auto& a, const auto& b) const { return id_of(a) == id_of(b); }
};

}  // namespace parley::server
