#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every bound of the system, with its default. What an operator may change is a field of Limits
// (server/config.h fills it); the rest is constant.
namespace parley {

using namespace std::chrono_literals;

inline constexpr std::size_t kUserIdBytes = 255;  // printable ASCII without space
inline constexpr std::size_t kIdCharacters = 64;  // message id, key, device id: URL-safe characters
inline constexpr std::size_t kSdkNameCharacters = 64;  // Hello.sdk
// What a connection may make the server keep before its token was accepted: one Hello.
inline constexpr std::uint32_t kHelloBytes = 64 * 1024;

// Told to the client in Welcome; the SDK works with these until it has heard others.
struct Limits {
    std::uint32_t text_bytes = 64 * 1024;
    std::uint32_t header_bytes = 4 * 1024;
    std::uint32_t recipients = 1000;
    std::uint32_t recipient_bytes = 64 * 1024;
    std::uint32_t inflight_submissions = 1024;
    std::uint32_t inflight_bytes = 4 * 1024 * 1024;
    std::uint32_t unacked_events = 256;
    std::uint32_t unacked_bytes = 4 * 1024 * 1024;  // not told: the server's own
    std::uint32_t frame_bytes = 1024 * 1024;
    std::chrono::seconds retry_window = 12h;
    std::chrono::seconds retention = 720h;  // 30 days
    std::chrono::seconds dedupe_horizon = 720h;
    std::chrono::seconds ping_interval = 30s;

    friend bool operator==(const Limits&, const Limits&) = default;
};

// The largest message in either encoding, and its SubmitResult with an error for each recipient.
constexpr std::uint64_t smallest_frame_for(const Limits& limits) {
    return 6ull * (limits.text_bytes + limits.header_bytes) + 4ull * limits.recipient_bytes +
           256ull * limits.recipients + 16 * 1024;
}

// The server's own bounds, per user or session.
struct ServerLimits {
    std::uint32_t devices = 64;           // of a user; the longest-absent one is forgotten (R24)
    std::uint32_t sessions = 64;          // of a user at once, else 3003
    std::uint32_t rate_per_second = 200;  // one per recipient; 0 turns it off
    std::uint32_t rate_burst = 2000;
    std::uint64_t quota_pending_bytes = 256ull << 20;  // `incoming` above the receipt mark; 0: off
    std::uint64_t quota_retained_bytes = 4ull << 30;   // all events of a mailbox; 0: off
    std::chrono::seconds hello_timeout = 10s;
    std::uint32_t unauthenticated = 4096;  // connections without an accepted Hello; 0: off
    std::chrono::seconds submit_timeout =
        20s;  // a passing fault is repeated this long (spec/wire.md, 6)
};

static_assert(Limits{}.frame_bytes >= smallest_frame_for(Limits{}));
static_assert(Limits{}.inflight_bytes >= Limits{}.frame_bytes);
static_assert(ServerLimits{}.rate_burst >= Limits{}.recipients);

inline constexpr std::chrono::milliseconds kBackoffFirst = 500ms;  // R9
inline constexpr std::chrono::milliseconds kBackoffMost = 60s;
inline constexpr std::chrono::seconds kTokenLeeway = 60s;  // R22
inline constexpr std::size_t kStoreBatchAppends = 4096;
inline constexpr std::size_t kStoreBatchBytes = 8 * 1024 * 1024;
// What waits at the store's writer; beyond: busy.
inline constexpr std::size_t kStoreWaitingRequests = 64 * 1024;
inline constexpr std::size_t kStoreWaitingBytes = 64 * 1024 * 1024;
// States that the writer keeps at hand, and devices' last-seen times that wait for a commit.
inline constexpr std::size_t kStoreCachedMailboxes = 64 * 1024;
inline constexpr std::size_t kStorePendingSightings = 64 * 1024;
inline constexpr std::size_t kInboxBytes = 256ull << 20;  // unread incoming in the SDK

}  // namespace parley
