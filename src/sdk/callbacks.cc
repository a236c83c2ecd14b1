#include "sdk/callbacks.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace parley::sdk {
namespace {

// Message callbacks held in memory; the rest stays in the local store.
constexpr std::size_t kFetched = 32;
// Client events are few; this bound is for a delegate that never returns.
constexpr std::size_t kEvents = 256;
constexpr std::chrono::hours kLongestWait(24);
// Calls in one poll() or one run on the executor.
constexpr std::size_t kBatch = 100;

}  // namespace

Callbacks::Callbacks(CallbackMode mode, Hooks hooks, std::shared_ptr<LogSink> log)
    : mode_(mode), hooks_(std::move(hooks)), log_sink_(std::move(log)), log_(*log_sink_) {}

Callbacks::~Callbacks() {
    // Still joinable only where end() was called inside a callback: then this is that thread's own
    // last act.
    if (thread_.joinable()) {
        thread_.detach();
    }
}

void Callbacks::start_thread() {
    if (mode_ != CallbackMode::own_thread) {
        return;
    }
    thread_ = std::thread([self = shared_from_this()] { self->run_thread(); });
}

void Callbacks::run_thread() {
    Lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ended_ || has_work(); });
        if (ended_) {
            return;
        }
        run_one(lock);
    }
}

bool Callbacks::has_work() const {
    if (!resumed_ || ended_ || running_ != Slot::none) {
        return false;
    }
    return (client_delegate_ != nullptr && !events_.empty()) ||
           (message_delegate_ != nullptr && !due_.empty());
}

void Callbacks::wake() {
    changed_.notify_all();
    if (mode_ == CallbackMode::executor && !scheduled_ && has_work()) {
        scheduled_ = true;
        hooks_.schedule();
    }
}

void Callbacks::push_event(EventKind kind, UniqueFunction<void(ClientDelegate&)> call) {
    const std::lock_guard lock(mutex_);
    // Without a delegate only a request for a token waits for one.
    if (ended_ || !resumed_ || (client_delegate_ == nullptr && kind != EventKind::token)) {
        return;
    }
    // Of connection states in a row the last one counts.
    const bool replaces = kind == EventKind::connection && !events_.empty() &&
                          events_.back().kind == EventKind::connection;
    if (replaces) {
        events_.pop_back();
    }
    if (events_.size() < kEvents) {
        events_.push_back({kind, std::move(call)});
    }
    wake();
}

void Callbacks::push_message(std::uint64_t id, UniqueFunction<void(MessageClientDelegate&)> call) {
    const std::lock_guard lock(mutex_);
    if (ended_) {
        return;
    }
    due_.push_back({id, std::move(call)});
    wake();
}

std::size_t Callbacks::room() const {
    const std::lock_guard lock(mutex_);
    return ended_ || due_.size() >= kFetched ? 0 : kFetched - due_.size();
}

std::vector<std::uint64_t> Callbacks::take_done() {
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, {});
}

void Callbacks::report_done(std::uint64_t id) {
    done_.push_back(id);
    if (done_.size() == 1) {
        hooks_.progress();
    }
}

template <typename Call, typename Delegate>
void Callbacks::guarded(Call& call, Delegate& delegate) {
    try {
        call(delegate);
    } catch (const std::exception& thrown) {
        log_.error("callback.threw", {{"what", thrown.what()}});
    } catch (...) {
        log_.error("callback.threw", {{"what", "not a std::exception"}});
    }
}

void Callbacks::run_one(Lock& lock) {
    running_thread_ = std::this_thread::get_id();
    if (client_delegate_ != nullptr && !events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        running_ = Slot::client;
        ClientDelegate& delegate = *client_delegate_;
        lock.unlock();
        guarded(event.call, delegate);
        event.call = nullptr;  // What it holds ends outside the lock.
        lock.lock();
    } else {
        Due due = std::move(due_.front());
        due_.pop_front();
        running_ = Slot::message;
        running_id_ = due.id;
        running_reported_ = false;
        MessageClientDelegate& delegate = *message_delegate_;
        lock.unlock();
        guarded(due.call, delegate);
        due.call = nullptr;
        lock.lock();
        if (!running_reported_) {
            report_done(running_id_);
        }
    }
    running_ = Slot::none;
    ++runs_;
    changed_.notify_all();
}

std::size_t Callbacks::poll(std::chrono::milliseconds wait) {
    if (mode_ != CallbackMode::poll) {
        return 0;
    }
    const auto alive = shared_from_this();  // The client may be destroyed inside a call.
    Lock lock(mutex_);
    if (running_ != Slot::none) {
        return 0;
    }
    if (!has_work() && wait > wait.zero()) {
        // Bounded, so that no sum with a clock overflows.
        changed_.wait_for(lock, std::min(wait, std::chrono::milliseconds(kLongestWait)),
                          [this] { return ended_ || has_work(); });
    }
    std::size_t count = 0;
    while (count < kBatch && has_work()) {
        run_one(lock);
        ++count;
    }
    return count;
}

void Callbacks::run_batch(std::thread::id engine) {
    if (std::this_thread::get_id() == engine) {
        log_.error("executor.wrong", {{"why", "it ran a function before it returned"}});
        return;
    }
    Lock lock(mutex_);
    // The executor ran a function again, or two at once; the other run goes on.
    if (!scheduled_ || running_ != Slot::none) {
        return;
    }
    for (std::size_t count = 0; count < kBatch && has_work(); ++count) {
        run_one(lock);
    }
    scheduled_ = false;
    wake();
}

void Callbacks::wait_for_slot(Lock& lock, Slot slot) {
    if (running_ != slot || running_thread_ == std::this_thread::get_id()) {
        return;
    }
    const std::uint64_t run = runs_;
    changed_.wait(lock, [&] { return runs_ != run; });
}

void Callbacks::wait_for_running(Lock& lock) {
    if (running_ != Slot::none) {
        wait_for_slot(lock, running_);
    }
}

void Callbacks::set_client_delegate(ClientDelegate* delegate) {
    std::deque<Event> dropped;
    Lock lock(mutex_);
    client_delegate_ = delegate;
    if (delegate == nullptr) {
        std::deque<Event> kept;
        for (Event& event : events_) {
            (event.kind == EventKind::token ? kept : dropped).push_back(std::move(event));
        }
        events_ = std::move(kept);
    }
    wake();
    wait_for_slot(lock, Slot::client);
    lock.unlock();
}

void Callbacks::set_message_delegate(MessageClientDelegate* delegate) {
    Lock lock(mutex_);
    message_delegate_ = delegate;
    wake();
    wait_for_slot(lock, Slot::message);
}

void Callbacks::resume() {
    const std::lock_guard lock(mutex_);
    resumed_ = true;
    wake();
}

void Callbacks::pause() {
    std::deque<Event> dropped;
    Lock lock(mutex_);
    resumed_ = false;
    dropped.swap(events_);
    wait_for_running(lock);
    lock.unlock();
}

void Callbacks::end() {
    std::deque<Event> dropped_events;
    std::deque<Due> dropped_due;
    Lock lock(mutex_);
    ended_ = true;
    dropped_events.swap(events_);
    dropped_due.swap(due_);
    const bool inside = running_ != Slot::none && running_thread_ == std::this_thread::get_id();
    if (inside && running_ == Slot::message && !running_reported_) {
        running_reported_ = true;
        report_done(running_id_);
    }
    changed_.notify_all();
    wait_for_running(lock);
    lock.unlock();
    if (!thread_.joinable()) {
        return;
    }
    if (thread_.get_id() == std::this_thread::get_id()) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

}  // namespace parley::sdk
