#include "client/credentials.h"

#include <algorithm>
#include <utility>

namespace parley::client {
namespace {

// A new token is asked for when the last tenth of the session's time begins, at most a minute
// before its end.
constexpr Duration kAskBefore = std::chrono::seconds(60);

}  // namespace

Credentials::Need Credentials::ask(Instant now) {
    if (asked_ || (ask_at_ && now < *ask_at_)) {
        return Need::none;
    }
    if (usable(now) && !ask_at_) {
        return Need::none;
    }
    asked_ = true;
    ask_at_.reset();
    if (usable(now)) {
        return Need::ends_soon;
    }
    const bool ended = !token_.empty();
    token_.clear();
    return refused_ || ended ? Need::refused : Need::missing;
}

std::optional<Instant> Credentials::deadline() const {
    return asked_ ? std::nullopt : ask_at_;
}

void Credentials::begin() {
    refused_ = false;
    replaces_refused_ = false;
}

void Credentials::set(std::string token) {
    token_ = std::move(token);
    ends_.reset();
    ask_at_.reset();
    asked_ = false;
    accepted_ = false;
    replaces_refused_ = std::exchange(refused_, false);
    backoff_.reset();
}

void Credentials::denied(Instant now) {
    asked_ = false;
    ask_at_ = now + backoff_.next();
}

void Credentials::accepted(Instant now, std::optional<Instant> ends) {
    accepted_ = true;
    refused_ = false;
    replaces_refused_ = false;
    // A token that was taken just now has not ended: then one of the clocks jumped, and asking for
    // another by it would never stop. The server will say when it is over.
    if (ends && *ends <= now) {
        ends.reset();
    }
    ends_ = ends;
    if (!asked_) {
        ask_at_ = ends ? std::optional(*ends -
                                       std::min(kAskBefore, std::max(Duration(), *ends - now) / 10))
                       : std::nullopt;
    }
}

bool Credentials::refused() {
    const bool hopeless = replaces_refused_ && !accepted_;
    token_.clear();
    ends_.reset();
    ask_at_.reset();
    refused_ = true;
    return hopeless;
}

}  // namespace parley::client
