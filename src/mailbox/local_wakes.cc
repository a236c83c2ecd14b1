#include "io/loop.h"
#include "mailbox/wakes.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>
#include <utility>

namespace parley::mailbox {
namespace {

// Where the watchers of one loop hear of wakes. `open` and `told` are touched on `loop` alone.
struct Ear {
    io::Loop& loop;
    Wakes::Told told;
    bool open = true;
};

// What one batch has for one loop: for each wake, by its index, the watchers before `end` and from
// the end of the one before on.
struct Due {
    std::shared_ptr<Ear> ear;
    std::vector<Wakes::Watcher> watchers = {};
    std::vector<std::pair<std::size_t, std::size_t>> ends = {};

    void add(std::size_t wake, Wakes::Watcher watcher) {
        watchers.push_back(watcher);
        if (ends.empty() || ends.back().first != wake) {
            ends.emplace_back(wake, 0);
        }
        ends.back().second = watchers.size();
    }
    void tell(const std::vector<Wake>& wakes) const {
        const std::span all(watchers);
        std::size_t begin = 0;
        for (const auto& [wake, end] : ends) {
            if (ear->open) {
                ear->told(wakes[wake], all.subspan(begin, end - begin));
            }
            begin = end;
        }
    }
};

// A watch. There are as many as sessions: it is one small block, and the name of the mailbox is the
// session's.
struct Watch {
    const MailboxId* mailbox;
    const std::shared_ptr<Ear>* ear;
    Wakes::Watcher watcher;

};

// The hash is not noexcept, so that the table keeps it and need not look at its neighbours'
// mailboxes.
struct MailboxHash {
    using is_transparent = void;
    std::size_t operator()(const MailboxId& id) const { return std::hash<MailboxId>{}(id); }
    std::size_t operator()(const Watch& watch) const { return (*this)(*watch.mailbox); }
};
struct SameMailbox {
    using is_transparent = void;
    bool operator()(const Watch& a, const Watch& b) const { return *a.mailbox == *b.mailbox; }
    bool operator()(const MailboxId& a, const Watch& b) const { return a == *b.mailbox; }
    bool operator()(const Watch& a, const MailboxId& b) const { return *a.mailbox == b; }
};

// Guarded by its own lock, since watchers of all loops come and go while the writer publishes.
class AllWatches {
  public:
    void add(const Watch& watch) {
        const std::lock_guard lock(mutex_);
        by_mailbox_.insert(watch);
    }

    void remove(const MailboxId& mailbox, const std::shared_ptr<Ear>& ear, Wakes::Watcher watcher) {
        const std::lock_guard lock(mutex_);
        const auto [first, last] = by_mailbox_.equal_range(mailbox);
        const auto found = std::find_if(first, last, [&](const Watch& one) {
            return one.ear == &ear && one.watcher == watcher;
        });
        if (found != last) {
            by_mailbox_.erase(found);
        }
    }

    void remove_all(const std::shared_ptr<Ear>& ear) {
        const std::lock_guard lock(mutex_);
        std::erase_if(by_mailbox_, [&ear](const Watch& one) { return one.ear == &ear; });
    }

    // By loop, in the order of the wakes.
    std::vector<Due> due_for(const std::vector<Wake>& wakes) {
        std::vector<Due> due;
        const std::lock_guard lock(mutex_);
        if (by_mailbox_.empty()) {
            return due;
        }
        for (std::size_t i = 0; i < wakes.size(); ++i) {
            const auto [first, last] = by_mailbox_.equal_range(wakes[i].mailbox);
            for (auto one = first; one != last; ++one) {
                of_loop(due, *one->ear).add(i, one->watcher);
            }
        }
        return due;
    }

  private:
    static Due& of_loop(std::vector<Due>& due, const std::shared_ptr<Ear>& ear) {
        const auto found =
            std::find_if(due.begin(), due.end(), [&ear](const Due& one) { return one.ear == ear; });
        return found == due.end() ? due.emplace_back(Due{ear}) : *found;
    }

    std::mutex mutex_;  // guards by_mailbox_; nothing else is locked or called while it is held
    std::unordered_multiset<Watch, MailboxHash, SameMailbox> by_mailbox_;
};

class WatchesOfLoop final : public Wakes::Watches {
  public:
    WatchesOfLoop(std::shared_ptr<AllWatches> all, io::Loop& loop, Wakes::Told told)
        : all_(std::move(all)), ear_(std::make_shared<Ear>(Ear{loop, std::move(told)})) {}
    WatchesOfLoop(const WatchesOfLoop&) = delete;
    WatchesOfLoop& operator=(const WatchesOfLoop&) = delete;
    ~WatchesOfLoop() override {
        ear_->open = false;
        all_->remove_all(ear_);
    }

    void add(const MailboxId& mailbox, Wakes::Watcher watcher) override {
        all_->add({&mailbox, &ear_, watcher});
    }
    void remove(const MailboxId& mailbox, Wakes::Watcher watcher) override {
        all_->remove(mailbox, ear_, watcher);
    }

  private:
    std::shared_ptr<AllWatches> all_;
    std::shared_ptr<Ear> ear_;  // shared with what is posted
};

class LocalWakes final : public Wakes {
  public:
    std::unique_ptr<Watches> watch(io::Loop& loop, Told told) override {
        return std::make_unique<WatchesOfLoop>(all_, loop, std::move(told));
    }

    // One post per loop and batch.
    void publish(std::vector<Wake> wakes) override {
        std::vector<Due> due = all_->due_for(wakes);
        if (due.empty()) {
            return;
        }
        const auto shared = std::make_shared<const std::vector<Wake>>(std::move(wakes));
        for (Due& one : due) {
            io::Loop& loop = one.ear->loop;
            loop.post([shared, one = std::move(one)] { one.tell(*shared); });
        }
    }

  private:
    // Shared with the watches, which may go after the Wakes.
    std::shared_ptr<AllWatches> all_ = std::make_shared<AllWatches>();
};

}  // namespace

std::unique_ptr<Wakes> make_local_wakes() {
    return std::make_unique<LocalWakes>();
}

}  // namespace parley::mailbox
