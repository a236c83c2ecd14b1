#pragma once

#include "base/ids.h"
#include "base/limits.h"
#include "base/task.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "parley/result.h"
#include "server/identity.h"
#include "server/rate.h"

#include <compare>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace parley::server {

// Names a session within the node; never used again for another.
struct SessionRef {
    std::uint32_t loop = 0;
    std::uint64_t number = 0;
    friend auto operator<=>(const SessionRef&, const SessionRef&) = default;
};

// What is per user and not per session: which devices have sessions, and the rate they share. Lives
// on the loop where the user is at home, so that two sessions of a user that open on two loops meet
// here.
class Users {
  public:
    struct Callbacks {
        // A newer session of its device has come (R24).
        UniqueFunction<void(SessionRef)> replaced;
        // The last session of this user has gone.
        UniqueFunction<void(const MailboxId&)> left;
    };

    Users(io::Loop& loop, mailbox::Store& store, const ServerLimits& limits, Callbacks callbacks)
        : loop_(loop), store_(store), limits_(limits), callbacks_(std::move(callbacks)) {}

    struct Attach {
        SharedIdentity identity;
        bool messaging = false;
        SessionRef session;
    };
    using Attached = UniqueFunction<void(Result<std::shared_ptr<Rate>>)>;

    // A session of a device begins: replaces the device's older one, and makes user and device
    // known, durably, before `done` (R13, R24). Errors: too_many_sessions, refused_by_policy,
    // server_error; the session is then not attached. Not called if the session was detached or
    // replaced meanwhile.
    void attach(Attach attach, Attached done);
    // A session has ended. No effect if it was not attached, or was replaced.
    void detach(const MailboxId& mailbox, const SessionRef& session);

  private:
    struct Live {
        SessionRef session;
        std::shared_ptr<Rate> rate;  // the same for all sessions of a user
    };
    // By the user; the device is in the key. Mostly a user has one session: nothing is kept for the
    // user beside it.
    using Sessions = std::unordered_multimap<SharedIdentity, Live, HashOfMailbox, SameMailbox>;
    // Nobody is here, and the rate is not full: that of a user who comes right back is still
    // theirs.
    struct Owing {
        std::shared_ptr<Rate> rate;
        io::Timer forget;
    };

    std::shared_ptr<Rate> rate_of(const SharedIdentity& identity);
    // Its end if it is not attached.
    Sessions::iterator find(const MailboxId& mailbox, const SessionRef& session);
    void on_enrolled(const MailboxId& mailbox, const SessionRef& session,
                     Result<mailbox::Enrolled> enrolled, Attached done);

    io::Loop& loop_;
    mailbox::Store& store_;
    const ServerLimits& limits_;
    Callbacks callbacks_;
    Sessions sessions_;
    std::unordered_map<SharedIdentity, Owing, HashOfMailbox, SameMailbox> owing_;
};

}  // namespace parley::server
