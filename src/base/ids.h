#pragma once

#include "base/strong_id.h"

#include <cstdint>
#include <string>

namespace parley {

// The words are those of spec/semantics.md.
using ApplicationKey = StrongId<struct ApplicationKeyTag, std::string>;
using UserId = StrongId<struct UserIdTag, std::string>;
using DeviceId = StrongId<struct DeviceIdTag, std::string>;
using MessageId = StrongId<struct MessageIdTag, std::string>;
// The idempotency key: the id of the first message of a chain of copies (R11).
using ChainKey = StrongId<struct ChainKeyTag, std::string>;
// Names one lifetime of a mailbox store (R19).
using Epoch = StrongId<struct EpochTag, std::string>;
// An event's position in its mailbox: strictly increasing, gaps allowed, below 2^53. 0 stands
// before every event.
using Sequence = StrongId<struct SequenceTag, std::uint64_t>;

inline constexpr std::uint64_t kSequenceEnd = std::uint64_t{1} << 53;

// All up to `sequence` is safely in a device's local store. A cursor of another epoch is void.
struct Cursor {
    Epoch epoch;
    Sequence sequence;

    friend bool operator==(const Cursor&, const Cursor&) = default;
};

// Whose mailbox: a user of an application.
struct MailboxId {
    ApplicationKey application;
    UserId user;

    friend auto operator<=>(const MailboxId&, const MailboxId&) = default;
    friend bool operator==(const MailboxId&, const MailboxId&) = default;
};

}  // namespace parley

template <>
struct std::hash<parley::MailboxId> {
    std::size_t operator()(const parley::MailboxId& id) const noexcept {
        return std::hash<parley::ApplicationKey>{}(id.application) * 31 +
               std::hash<parley::UserId>{}(id.user);
    }
};
