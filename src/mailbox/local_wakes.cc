#include "io/loop.h"
#include "mailbox/wakes.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>
#include <utility>

namespace parley::mailbox {
namespace {

// One subscription. `open` and `watch` are touched on `loop` alone; the rest never changes.
struct Subscription {
    Subscription(const MailboxId& id, io::Loop& home, Wakes::Watch function)
        : mailbox(id), loop(home), watch(std::move(function)) {}

    const MailboxId& mailbox;  // there until the handle is gone
    io::Loop& loop;
    Wakes::Watch watch;
    bool open = true;
};
using Shared = std::shared_ptr<Subscription>;

// Subscriptions are found by their mailboxes, of which they need no copy. The hash is not noexcept,
// so that the table keeps it and need not look at its neighbours' mailboxes.
struct MailboxHash {
    using is_transparent = void;
    std::size_t operator()(const MailboxId& id) const { return std::hash<MailboxId>{}(id); }
    std::size_t operator()(const Shared& one) const { return (*this)(one->mailbox); }
};
struct SameMailbox {
    using is_transparent = void;
    bool operator()(const Shared& a, const Shared& b) const { return a->mailbox == b->mailbox; }
    bool operator()(const MailboxId& a, const Shared& b) const { return a == b->mailbox; }
    bool operator()(const Shared& a, const MailboxId& b) const { return a->mailbox == b; }
};

// Guarded by its own lock, since watchers of all loops come and go while the writer publishes.
class Subscriptions {
  public:
    void add(const Shared& subscription) {
        const std::lock_guard lock(mutex_);
        by_mailbox_.insert(subscription);
    }

    void remove(const Shared& subscription) {
        const std::lock_guard lock(mutex_);
        const auto [first, last] = by_mailbox_.equal_range(subscription);
        const auto found = std::find(first, last, subscription);
        if (found != last) {
            by_mailbox_.erase(found);
        }
    }

    // Appends (subscription, index of the wake) for each watcher of each wake, in the order of the
    // wakes.
    using Call = std::pair<Shared, std::size_t>;
    std::vector<Call> calls_for(const std::vector<Wake>& wakes) {
        std::vector<Call> calls;
        const std::lock_guard lock(mutex_);
        if (by_mailbox_.empty()) {
            return calls;
        }
        for (std::size_t i = 0; i < wakes.size(); ++i) {
            const auto [first, last] = by_mailbox_.equal_range(wakes[i].mailbox);
            for (auto one = first; one != last; ++one) {
                calls.emplace_back(*one, i);
            }
        }
        return calls;
    }

  private:
    std::mutex mutex_;  // guards by_mailbox_; nothing else is locked or called while it is held
    std::unordered_multiset<Shared, MailboxHash, SameMailbox> by_mailbox_;
};

class LocalHandle final : public Wakes::Handle {
  public:
    LocalHandle(std::shared_ptr<Subscriptions> all, Shared subscription)
        : all_(std::move(all)), subscription_(std::move(subscription)) {}
    LocalHandle(const LocalHandle&) = delete;
    LocalHandle& operator=(const LocalHandle&) = delete;
    ~LocalHandle() override {
        subscription_->open = false;
        all_->remove(subscription_);
    }

  private:
    std::shared_ptr<Subscriptions> all_;
    Shared subscription_;
};

class LocalWakes final : public Wakes {
  public:
    std::unique_ptr<Handle> subscribe(const MailboxId& mailbox, io::Loop& loop,
                                      Watch watch) override {
        auto subscription = std::make_shared<Subscription>(mailbox, loop, std::move(watch));
        all_->add(subscription);
        return std::make_unique<LocalHandle>(all_, std::move(subscription));
    }

    // One post per loop and batch.
    void publish(std::vector<Wake> wakes) override {
        std::vector<Subscriptions::Call> calls = all_->calls_for(wakes);
        if (calls.empty()) {
            return;
        }
        const auto shared = std::make_shared<const std::vector<Wake>>(std::move(wakes));
        std::vector<std::pair<io::Loop*, std::vector<Subscriptions::Call>>> by_loop;
        for (Subscriptions::Call& call : calls) {
            io::Loop* loop = &call.first->loop;
            auto group = std::find_if(by_loop.begin(), by_loop.end(),
                                      [loop](const auto& one) { return one.first == loop; });
            if (group == by_loop.end()) {
                group = by_loop.emplace(by_loop.end(), loop, std::vector<Subscriptions::Call>());
            }
            group->second.push_back(std::move(call));
        }
        for (auto& [loop, group] : by_loop) {
            loop->post([shared, due = std::move(group)] {
                for (const auto& [subscription, index] : due) {
                    if (subscription->open) {
                        subscription->watch((*shared)[index]);
                    }
                }
            });
        }
    }

  private:
    // Shared with the handles, which may go after the Wakes.
    std::shared_ptr<Subscriptions> all_ = std::make_shared<Subscriptions>();
};

}  // namespace

std::unique_ptr<Wakes> make_local_wakes() {
    return std::make_unique<LocalWakes>();
}

}  // namespace parley::mailbox
