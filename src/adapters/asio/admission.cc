#include "adapters/asio/admission.h"

#include "base/prometheus.h"

#include <algorithm>
#include <string>
#include <utility>

namespace parley::asio {

namespace {

constexpr Duration kSecond = std::chrono::seconds(1);
// How many resting addresses are looked at for each new connection: more than one, so that they
// become fewer again.
constexpr int kLookedAt = 4;

}  // namespace

std::string_view name_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::connections:
            return "connections";
        case Refusal::handshakes:
            return "handshakes";
        case Refusal::address_connections:
            return "address_connections";
        case Refusal::address_unauthenticated:
            return "address_unauthenticated";
        case Refusal::address_rate:
            return "address_rate";
        case Refusal::proxy_header:
            break;
    }
    return "proxy_header";
}

std::optional<ConnectionSlot> Admission::take() {
    if (connections_.fetch_add(1, std::memory_order_relaxed) >= limits_.connections) {
        connections_.fetch_sub(1, std::memory_order_relaxed);
        return std::nullopt;
    }
    return ConnectionSlot(shared_from_this());
}

std::size_t Admission::addresses() const {
    const std::lock_guard lock(mutex_);
    return addresses_.size();
}

std::optional<Refusal> Admission::judge(const Entry& entry, Instant now) const {
    const auto is_full = [](std::uint32_t count, std::uint32_t limit) {
        return limit != 0 && count >= limit;
    };
    if (is_full(entry.connections, limits_.address_connections)) {
        return Refusal::address_connections;
    }
    if (is_full(entry.unauthenticated, limits_.address_unauthenticated)) {
        return Refusal::address_unauthenticated;
    }
    // The bucket holds address_burst tokens; what is missing flows back until paid_at.
    if (limits_.address_rate != 0 &&
        entry.paid_at - now > kSecond * (limits_.address_burst - 1) / limits_.address_rate) {
        return Refusal::address_rate;
    }
    return std::nullopt;
}

std::optional<Refusal> Admission::enter(const IpAddress& owner, Instant now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    const auto [found, is_new] = addresses_.try_emplace(owner);
    Entry& entry = found->second;
    if (is_new) {
        entry.paid_at = now;
        entry.resting = resting_.insert(resting_.end(), owner);
    }
    if (const auto refusal = judge(entry, now)) {
        return refusal;
    }
    if (entry.connections++ == 0) {
        resting_.erase(entry.resting);
    }
    ++entry.unauthenticated;
    if (limits_.address_rate != 0) {
        entry.paid_at = std::max(entry.paid_at, now) + kSecond / limits_.address_rate;
    }
    return std::nullopt;
}

void Admission::authenticated(const IpAddress& owner) {
    const std::lock_guard lock(mutex_);
    --addresses_.find(owner)->second.unauthenticated;
}

void Admission::leave(const IpAddress& owner, bool unauthenticated) {
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(owner);
    found->second.unauthenticated -= unauthenticated ? 1 : 0;
    if (--found->second.connections > 0) {
        return;
    }
    if (limits_.address_rate == 0) {
        addresses_.erase(found);
        return;
    }
    found->second.resting = resting_.insert(resting_.end(), owner);
}

void Admission::forget(Instant now) {
    for (int i = 0; i < kLookedAt && !resting_.empty(); ++i) {
        const auto longest = addresses_.find(resting_.front());
        if (longest->second.paid_at > now && resting_.size() <= kRestingAddresses) {
            return;
        }
        addresses_.erase(longest);
        resting_.pop_front();
    }
}

void write_admission(const Admission& admission, MetricsText& text) {
    text.family(MetricsText::Type::counter, "parley_connections_refused_total",
                "Connections refused before they could be a session, by the limit that was met.");
    for (std::size_t i = 0; i < kRefusals; ++i) {
        const auto refusal = static_cast<Refusal>(i);
        text.value("reason=\"" + std::string(name_of(refusal)) + "\"",
                   static_cast<std::int64_t>(admission.refused(refusal)));
    }
    const auto gauge = [&](std::string_view name, std::string_view help, std::size_t value) {
        text.gauge(name, help, static_cast<std::int64_t>(value));
    };
    gauge("parley_connections_limit", "Connections that the public address takes at most.",
          admission.limits().connections);
    text.gauge("parley_handshakes", "Connections between accept and upgrade or answer.",
               admission.handshakes.load(std::memory_order_relaxed));
    gauge("parley_addresses", "Addresses with connections, or that came lately.",
          admission.addresses());
}

ConnectionSlot::ConnectionSlot(ConnectionSlot&& other) noexcept {
    *this = std::move(other);
}

ConnectionSlot& ConnectionSlot::operator=(ConnectionSlot&& other) noexcept {
    if (this != &other) {
        release();
        admission_ = std::exchange(other.admission_, nullptr);
        owner_ = other.owner_;
        has_owner_ = std::exchange(other.has_owner_, false);
        unauthenticated_ = std::exchange(other.unauthenticated_, false);
    }
    return *this;
}

std::optional<Refusal> ConnectionSlot::come_from(const IpAddress& address, Instant now) {
    if (!admission_ || address.is_loopback()) {
        return std::nullopt;
    }
    owner_ = address.owner();
    const auto refusal = admission_->enter(owner_, now);
    has_owner_ = unauthenticated_ = !refusal;
    return refusal;
}

void ConnectionSlot::authenticated() {
    if (std::exchange(unauthenticated_, false)) {
        admission_->authenticated(owner_);
    }
}

void ConnectionSlot::release() {
    const auto admission = std::exchange(admission_, nullptr);
    if (!admission) {
        return;
    }
    if (std::exchange(has_owner_, false)) {
        admission->leave(owner_, unauthenticated_);
    }
    admission->connections_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace parley::asio
