#include "adapters/asio/addresses.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace parley::asio {

namespace {

bool is_literal(const std::string& host) {
    in6_addr raw{};
    return inet_pton(AF_INET, host.c_str(), &raw) == 1 ||
           inet_pton(AF_INET6, host.c_str(), &raw) == 1;
}

}  // namespace

std::optional<IpAddress> to_ip(const Address& address) {
    if (address.family() == AF_INET) {
        std::array<std::uint8_t, 4> bytes{};
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
        std::memcpy(bytes.data(), &v4->sin_addr, bytes.size());
        return IpAddress::v4(bytes);
    }
    if (address.family() == AF_INET6) {
        std::array<std::uint8_t, 16> bytes{};
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
        std::memcpy(bytes.data(), &v6->sin6_addr, bytes.size());
        return IpAddress::v6(bytes);
    }
    return std::nullopt;
}

std::string to_text(const Address& address) {
    const auto ip = to_ip(address);
    return ip ? ip->to_text() : "local";
}

std::uint16_t port_of(const Address& address) {
    if (address.family() == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
    }
    if (address.family() == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
    }
    return 0;
}

Result<std::vector<Address>> resolve_now(const std::string& host, std::uint16_t port,
                                         bool for_listening) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags =
        AI_NUMERICSERV | (for_listening ? AI_PASSIVE : 0) | (is_literal(host) ? AI_NUMERICHOST : 0);
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        const std::string reason = error == EAI_SYSTEM ? std::generic_category().message(errno)
                                                       : std::string(gai_strerror(error));
        return unexpected(
            make_error(for_listening ? ErrorCode::invalid_argument : ErrorCode::connection_refused,
                       "the name " + host + " does not resolve: " + reason));
    }
    std::vector<Address> addresses;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        Address& address = addresses.emplace_back();
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        address.size = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return addresses;
}

struct Lookup::State {
    // Guards `loop`: null once the lookup is cancelled, which may happen while its thread is about
    // to post. The loop's own mutex is taken by post() while it is held.
    std::mutex mutex;
    AsioLoop* loop = nullptr;
    Done done;  // the loop's thread only
};

Lookup::Lookup(AsioLoop& loop, std::string host, std::uint16_t port, Done done)
    : state_(std::make_shared<State>()) {
    state_->loop = &loop;
    state_->done = std::move(done);
    const auto deliver = [state = state_](Result<std::vector<Address>> result) {
        if (Done call = std::exchange(state->done, {})) {
            call(std::move(result));
        }
    };
    if (is_literal(host)) {
        loop.post(
            [deliver, host = std::move(host), port] { deliver(resolve_now(host, port, false)); });
        return;
    }
    auto work = [state = state_, deliver, host = std::move(host), port] {
        auto result = resolve_now(host, port, false);
        const std::lock_guard lock(state->mutex);
        if (state->loop != nullptr) {
            state->loop->post(
                [deliver, result = std::move(result)]() mutable { deliver(std::move(result)); });
        }
    };
    try {
        std::thread(std::move(work)).detach();
    } catch (const std::system_error& error) {
        loop.post([deliver, what = std::string(error.what())] {
            deliver(unexpected(
                make_error(ErrorCode::connection_refused, "no thread to look a name up: " + what)));
        });
    }
}

Lookup::~Lookup() {
    const Done forgotten = std::exchange(state_->done, {});
    const std::lock_guard lock(state_->mutex);
    state_->loop = nullptr;
}

std::vector<Address> interleave_families(const std::vector<Address>& addresses, std::size_t most) {
    std::vector<Address> first;
    std::vector<Address> second;
    for (const Address& address : addresses) {
        (address.family() == addresses.front().family() ? first : second).push_back(address);
    }
    std::vector<Address> ordered;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) {
            ordered.push_back(first[i]);
        }
        if (i < second.size()) {
            ordered.push_back(second[i]);
        }
    }
    if (ordered.size() > most) {
        ordered.resize(most);
    }
    return ordered;
}

}  // namespace parley::asio
