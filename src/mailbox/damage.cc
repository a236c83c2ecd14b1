#include "mailbox/damage.h"

#include <utility>

namespace parley::mailbox {
namespace {

// A whole disk that fails is one trouble, not a list of its blocks.
constexpr std::size_t kMostThings = 64;

}  // namespace

void Damage::note(std::string_view mailbox, const Error& error, Again again) {
    failed_reads_.fetch_add(1, std::memory_order_relaxed);
    {
        const std::lock_guard lock(mutex_);
        if (things_.size() >= kMostThings ||
            !things_.try_emplace({std::string(mailbox), error.description}, std::move(again))
                 .second) {
            return;
        }
    }
    log_.error("store.unreadable",
               {{"mailbox", mailbox},
                {"error", error.description},
                {"advice", "parleyd verify tells what is damaged; restore a backup"}});
}

void Damage::look_again() {
    for (;;) {
        Again* again = nullptr;
        {
            const std::lock_guard lock(mutex_);
            auto at = things_.upper_bound(tried_);
            if (at == things_.end()) {
                at = things_.begin();
            }
            if (at == things_.end()) {
                return;
            }
            tried_ = at->first;
            again = &at->second;
        }
        // It stays where it is: nothing else takes things out.
        if (!(*again)()) {
            return;
        }
        log_.info("store.readable", {{"mailbox", tried_.first}, {"error", tried_.second}});
        const std::lock_guard lock(mutex_);
        things_.erase(tried_);
    }
}

std::optional<std::string> Damage::first() const {
    const std::lock_guard lock(mutex_);
    if (things_.empty()) {
        return std::nullopt;
    }
    return things_.begin()->first.second;
}

void Refusals::refused(const Error& error, Instant now) {
    const std::uint64_t before = count_.fetch_add(1, std::memory_order_relaxed);
    const bool began = !refusing_.exchange(true, std::memory_order_relaxed);
    {
        const std::lock_guard lock(mutex_);
        error_ = error;
    }
    if (began) {
        began_ = now;
        before_ = before;
        log_.warn("store.refused", {{"error", error.description}});
    }
}

void Refusals::taken(Instant now) {
    if (!refusing_.exchange(false, std::memory_order_relaxed)) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        error_.reset();
    }
    const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
    log_.info("store.accepts", {{"refused_ms", std::int64_t{lasted.count()}},
                                {"refused_commits", count() - before_}});
}

std::optional<Error> Refusals::now() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

}  // namespace parley::mailbox
