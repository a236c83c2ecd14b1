#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/task.h"
#include "base/time.h"
#include "mailbox/wakes.h"
#include "parley/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The mailboxes: one append-only log per user, durable before anything is said of it. An event is
// opaque bytes with a sequence, a time and a key. The contract is prose here and the conformance
// suite in testing/store_conformance.h; every engine passes it.
namespace parley::mailbox {

// What makes two appends "the same": a known key stores nothing and answers with the first sequence
// and time. 128 bits.
using AppendKey = std::array<std::uint8_t, 16>;

// What must hold of the mailbox's user for an append to be stored, judged by a current read.
enum class Needs : std::uint8_t {
    nothing,    // also makes the mailbox (recipients held for users not seen yet)
    user,       // `sent`, `delivered`: the user must exist, else no_user
    messaging,  // `incoming`: the user must have messaging, and room under the quotas
};

struct Append {
    MailboxId mailbox;
    AppendKey key{};
    Needs needs = Needs::user;
    SharedBytes bytes;
    SharedBytes body;  // shared by the appends of one message; null: none
};

enum class Outcome : std::uint8_t {
    stored,        // durable now
    duplicate,     // the key was durable before: sequence and time are the first ones
    no_user,       // final
    no_messaging,  // final
    over_quota,    // final
    disabled,      // final: an operator disabled the user
    busy,          // nothing was taken: try again, later
    ambiguous,     // it may have been stored: try again with the same key
};
constexpr bool is_final(Outcome outcome) {
    return outcome != Outcome::busy && outcome != Outcome::ambiguous;
}
constexpr bool is_held(Outcome outcome) {
    return outcome == Outcome::stored || outcome == Outcome::duplicate;
}

struct Appended {
    Outcome outcome = Outcome::busy;
    Sequence sequence;  // of a stored or duplicate event
    Sequence previous;  // the mailbox's newest before it (stored only)
    WallTime at{};      // of a stored or duplicate event
};

struct UserState {
    bool exists = false;
    bool messaging = false;
    bool disabled = false;
};

struct Enrolled {
    bool changed = false;   // something was written
    bool disabled = false;  // an operator disabled the user: nothing was written
    std::optional<DeviceId>
        forgotten_device;  // the longest-absent one without a session had to go (R24)
    bool full = false;     // all devices have sessions: not enrolled
};

struct Head {
    Cursor newest;   // epoch, and sequence of the newest event ever (0: none)
    Sequence mark;   // the receipt mark (R21)
    Sequence floor;  // cursors below are void (an erase); 0: none
};

struct ReadLimit {
    std::size_t events = 256;
    std::size_t bytes =
        1024 * 1024;  // of events and bodies; at least one event is returned where there is one
};

struct Read {
    std::vector<StoredEvent> events;  // retained ones after the cursor, in order
    Sequence
        through;  // the cursor may move here: nothing retained lies between the last event and it
    bool more = false;   // the limit ended the reading
    bool reset = false;  // the cursor was of another epoch, ahead of the head or below the floor:
                         // the reading began at the start
};

struct Found {
    Sequence sequence;
    WallTime at{};
};

struct DeviceSeen {
    DeviceId device;
    WallTime last_seen{};
};

inline constexpr Duration kCheckedWithin = std::chrono::seconds(5);

// One loop's door to the mailboxes. All calls on that loop; completions run on it in a later turn,
// exactly once, or not at all after the Store was destroyed. The mailboxes behind it are shared by
// all doors and outlive them.
class Store {
  public:
    template <typename T>
    using Done = UniqueFunction<void(T)>;

    virtual ~Store() = default;

    // Makes the user and device known and, if `messaging`, messaging enabled (it stays enabled).
    // Durable before `done`. Writes only what changes. `live` are the user's devices with sessions:
    // never the ones to be forgotten. Errors: server_error.
    virtual void enroll(const MailboxId& mailbox, const DeviceId& device, bool messaging,
                        std::vector<DeviceId> live, Done<Result<Enrolled>> done) = 0;

    // Stores each append in its mailbox; answers in the order given. Within one mailbox no item is
    // stored if an earlier one of the call was answered busy.
    virtual void append(std::vector<Append> appends, Done<std::vector<Appended>> done) = 0;

    // Builds at most one more append (`sent`) from the final answers of the others. Pure; runs on
    // the store's writer.
    using Finish = UniqueFunction<std::optional<Append>(std::span<const Appended>)>;
    struct Submission {
        std::vector<Append> incoming;
        Finish finish;
    };
    struct Submitted {
        std::vector<Appended> incoming;
        std::optional<Appended> sent;
    };
    // Submissions in order, answered together, as one call of append(): within one mailbox nothing
    // is stored if an earlier item, of whichever submission, was answered busy (R6). For each, when
    // all its answers are final, the append that `finish` makes of them too; here in one commit.
    virtual void submit_all(std::vector<Submission> submissions,
                            Done<std::vector<Submitted>> done) = 0;
    // One.
    void submit(std::vector<Append> incoming, Finish finish, Done<Submitted> done) {
        std::vector<Submission> one;
        one.push_back({std::move(incoming), std::move(finish)});
        submit_all(std::move(one),
                   [done = std::move(done)](std::vector<Submitted> answers) mutable {
                       done(std::move(answers.front()));
                   });
    }

    // Errors: server_error.
    virtual void head(const MailboxId& mailbox, Done<Result<Head>> done) = 0;
    // Retained events after the cursor; none: from the start. Errors: server_error.
    virtual void read(const MailboxId& mailbox, std::optional<Cursor> after, ReadLimit limit,
                      Done<Result<Read>> done) = 0;
    // The event that was appended under this key, by the key alone; nothing if there was none, or
    // it is gone. For operators. Errors: server_error.
    virtual void find(const MailboxId& mailbox, const AppendKey& key,
                      Done<Result<std::optional<Found>>> done) = 0;
    // Moves the receipt mark forward, durably; backwards or beyond the head has no effect.
    virtual void mark(const MailboxId& mailbox, Sequence sequence, Done<Result<void>> done) = 0;

    // Whether writes are taken now: at once known if something became durable within
    // kCheckedWithin and there is still room, else tried by a small one of its own. Waits as long
    // as the engine does. Errors: server_error, in words for an operator.
    virtual void check(Done<Result<void>> done) = 0;

    // For operators.
    virtual void user(const MailboxId& mailbox, Done<Result<UserState>> done) = 0;
    virtual void set_disabled(const MailboxId& mailbox, bool disabled, Done<Result<void>> done) = 0;
    virtual void devices(const MailboxId& mailbox, Done<Result<std::vector<DeviceSeen>>> done) = 0;
    virtual void forget_device(const MailboxId& mailbox, const DeviceId& device,
                               Done<Result<bool>> done) = 0;
    // Removes mailbox, devices and registration. Older cursors become void; the head lives on.
    // False: there was no such user.
    virtual void erase(const MailboxId& mailbox, Done<Result<bool>> done) = 0;
    // Users (registered, held for, or disabled) after `after`, sorted, at most `count`.
    virtual void list(const ApplicationKey& application, const UserId& after, std::size_t count,
                      Done<Result<std::vector<UserId>>> done) = 0;

    virtual Wakes& wakes() = 0;
    virtual const Epoch& epoch() const = 0;
    // The store's own time (R17): what events are stamped and retained by.
    virtual WallTime now() const = 0;
    // A key is remembered at least this long.
    virtual std::chrono::seconds dedupe_horizon() const = 0;
    // What an operator has to see to: a file or record that cannot be read, and how to go on. One
    // line. None: all is well as far as is known. At once, without a look at the disk; any thread.
    virtual std::optional<std::string> trouble() const = 0;
};

}  // namespace parley::mailbox
