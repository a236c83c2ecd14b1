#pragma once

#include "adapters/asio/ip_address.h"
#include "base/time.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace parley {
class MetricsText;
}

namespace parley::asio {

// Who may connect to a listener. The limits of an address are those of whoever is likely to stand
// behind it (IpAddress::owner()), loopback excepted: a proxy on this machine that does not say whom
// it speaks for brings everybody. 0 turns a limit off, but for the first.
struct AdmissionLimits {
    std::size_t connections = 1'000'000;
    std::size_t handshakes = 0;  // between accept and the upgrade or the answer to a request
    std::uint32_t address_connections = 0;
    std::uint32_t address_unauthenticated = 0;  // whose peer has not proved who it is
    std::uint32_t address_rate = 0;             // new connections a second
    std::uint32_t address_burst = 1;
};

// Why a connection was refused.
enum class Refusal : std::uint8_t {
    connections,
    handshakes,
    address_connections,
    address_unauthenticated,
    address_rate,
    proxy_header,  // missing, malformed, or from an address that is not trusted
};
inline constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::proxy_header) + 1;
// "address_rate": for logs and metrics.
std::string_view name_of(Refusal refusal);

class ConnectionSlot;

// Counts the connections of a listener, by address too, and knows when there is no place for
// another. Any thread. Its memory is bounded: an address is kept while it has connections, of which
// there are a bounded number, or owes something to its rate, and of those kRestingAddresses at
// most.
class Admission : public std::enable_shared_from_this<Admission> {
  public:
    explicit Admission(AdmissionLimits limits) : limits_(limits) {}
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    const AdmissionLimits& limits() const { return limits_; }
    // A place for a connection from nowhere in particular yet, or none.
    std::optional<ConnectionSlot> take();

    // ---- what is counted, for metrics
    std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }
    std::size_t addresses() const;
    void count(Refusal refusal) {
        refused_[static_cast<std::size_t>(refusal)].fetch_add(1, std::memory_order_relaxed);
    }
    std::uint64_t refused(Refusal refusal) const {
        return refused_[static_cast<std::size_t>(refusal)].load(std::memory_order_relaxed);
    }
    // Kept by the listener.
    std::atomic<std::int64_t> handshakes{0};

    // An address beyond these that has no connections any more is forgotten, with what it owes.
    static constexpr std::size_t kRestingAddresses = 16 * 1024;

  private:
    friend class ConnectionSlot;
    struct Entry {
        std::uint32_t connections = 0;
        std::uint32_t unauthenticated = 0;
        Instant paid_at{};  // when everything taken from the token bucket has flowed
                            // back
        std::list<IpAddress>::iterator resting;  // while there are no connections
    };

    std::optional<Refusal> enter(const IpAddress& owner, Instant now);
    std::optional<Refusal> judge(const Entry& entry, Instant now) const;
    void authenticated(const IpAddress& owner);
    void leave(const IpAddress& owner, bool unauthenticated);
    void forget(Instant now);

    const AdmissionLimits limits_;
    std::atomic<std::size_t> connections_{0};
    std::array<std::atomic<std::uint64_t>, kRefusals> refused_{};

    // Guards the two below. A connection takes it three times in its life; ordered, so that nobody
    // can choose addresses that collide.
    mutable std::mutex mutex_;
    std::map<IpAddress, Entry> addresses_;
    std::list<IpAddress> resting_;  // the longest-resting first
};

void write_admission(const Admission& admission, MetricsText& text);

// One connection's place among those of its listener, while it lives. Empty for those that nobody
// counts.
class ConnectionSlot {
  public:
    ConnectionSlot() = default;
    ConnectionSlot(ConnectionSlot&& other) noexcept;
    ConnectionSlot& operator=(ConnectionSlot&& other) noexcept;
    ~ConnectionSlot() { release(); }

    // Counts it among those of its address as well, or says why it may not be. At most once.
    std::optional<Refusal> come_from(const IpAddress& address, Instant now);
    // The peer has proved who it is.
    void authenticated();
    void release();

  private:
    friend class Admission;
    explicit ConnectionSlot(std::shared_ptr<Admission> admission)
        : admission_(std::move(admission)) {}

    std::shared_ptr<Admission> admission_;
    IpAddress owner_;
    bool has_owner_ = false;
    bool unauthenticated_ = false;
};

}  // namespace parley::asio
