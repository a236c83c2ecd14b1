#include "log_limit.h"

#include <algorithm>

namespace parley::parleyd {

bool LogLimit::pass(std::string_view event, Instant now) {
    auto found = accounts_.find(event);
    if (found == accounts_.end()) {
        const bool has_room = accounts_.size() < kEvents;
        found = accounts_.try_emplace(has_room ? std::string(event) : "(others)").first;
    }
    Account& account = found->second;
    // What was held back stays in the account until it is told.
    if (account.passed > 0 && now >= account.began + kPeriod && account.suppressed == 0) {
        account = {};
    }
    if (account.passed == 0) {
        account.began = now;
    }
    if (account.passed < kLines) {
        ++account.passed;
        return true;
    }
    ++account.suppressed;
    next_end_ = std::min(next_end_, account.began + kPeriod);
    return false;
}

std::vector<LogLimit::Suppressed> LogLimit::take_suppressed(Instant now) {
    return now < next_end_ ? std::vector<Suppressed>{} : take(false, now);
}

std::vector<LogLimit::Suppressed> LogLimit::take_all_suppressed() {
    return take(true, Instant::max());
}

std::vector<LogLimit::Suppressed> LogLimit::take(bool all, Instant now) {
    std::vector<Suppressed> result;
    next_end_ = Instant::max();
    for (auto& [event, account] : accounts_) {
        if (account.suppressed == 0) {
            continue;
        }
        if (all || now >= account.began + kPeriod) {
            result.push_back({event, account.suppressed});
            account = {};
        } else {
            next_end_ = std::min(next_end_, account.began + kPeriod);
        }
    }
    return result;
}

}  // namespace parley::parleyd
