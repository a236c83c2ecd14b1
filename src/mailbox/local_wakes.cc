#include "io/loop.h"
#include "mailbox/wakes.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace parley::mailbox {
namespace {

// One subscription. `open` and `watch` are touched on `loop` alone; the rest never changes.
struct Subscription {
    Subscription(MailboxId id, io::Loop& home, Wakes::Watch function)
        : mailbox(std::move(id)), loop(home), watch(std::move(function)) {}

    const MailboxId mailbox;
    io::Loop& loop;
    Wakes::Watch watch;
    bool open = true;
};
using Shared = std::shared_ptr<Subscription>;

// Guarded by its own lock, since watchers of all loops come and go while the writer publishes.
class Subscriptions {
  public:
    void add(const Shared& subscription) {
        const std::lock_guard lock(mutex_);
        of_mailbox_[subscription->mailbox].push_back(subscription);
    }

    void remove(const Shared& subscription) {
        const std::lock_guard lock(mutex_);
        const auto found = of_mailbox_.find(subscription->mailbox);
        if (found == of_mailbox_.end()) {
            return;
        }
        std::erase(found->second, subscription);
        if (found->second.empty()) {
            of_mailbox_.erase(found);
        }
    }

    // Appends (subscription, index of the wake) for each watcher of each wake, in the order of the
    // wakes.
    using Call = std::pair<Shared, std::size_t>;
    std::vector<Call> calls_for(const std::vector<Wake>& wakes) {
        std::vector<Call> calls;
        const std::lock_guard lock(mutex_);
        if (of_mailbox_.empty()) {
            return calls;
        }
        for (std::size_t i = 0; i < wakes.size(); ++i) {
            const auto found = of_mailbox_.find(wakes[i].mailbox);
            if (found == of_mailbox_.end()) {
                continue;
            }
            for (const Shared& subscription : found->second) {
                calls.emplace_back(subscription, i);
            }
        }
        return calls;
    }

  private:
    std::mutex mutex_;  // guards of_mailbox_; nothing else is locked or called while it is held
    std::unordered_map<MailboxId, std::vector<Shared>> of_mailbox_;
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
