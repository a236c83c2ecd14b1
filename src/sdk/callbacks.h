#pragma once

#include "base/log.h"
#include "base/task.h"
#include "parley/client.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace parley::sdk {

// Runs the app's callbacks: one at a time, in order, on the thread that the app chose, and knows
// when one is running, so that a delegate or a client can go away safely. Shared between the
// client's core and the callback thread, because the client may be destroyed inside a callback.
//
// Two kinds wait here: client events, which live in memory alone, and message callbacks, which are
// recorded as due in the local store and reported back as done (R8). Any thread may call; mutex_
// guards all members (docs/internals/locks.md). Hooks are called with it held, so they only post.
class Callbacks : public std::enable_shared_from_this<Callbacks> {
  public:
    struct Hooks {
        // Something is in take_done(). Not called again until that was called.
        UniqueFunction<void()> progress;
        // Have run_batch() be run on the app's executor. Not called again until it ran.
        UniqueFunction<void()> schedule;
    };
    enum class EventKind { connection, token, other };

    Callbacks(CallbackMode mode, Hooks hooks, std::shared_ptr<LogSink> log);
    ~Callbacks();
    // Starts the callback thread, where the mode wants one.
    void start_thread();

    // ---- from the engine's thread
    void push_event(EventKind kind, UniqueFunction<void(ClientDelegate&)> call);
    void push_message(std::uint64_t id, UniqueFunction<void(MessageClientDelegate&)> call);
    // How many more message callbacks should be fetched now; bounds what waits in memory.
    std::size_t room() const;
    std::vector<std::uint64_t> take_done();

    // ---- from the app
    // Each of these waits until no call to the old delegate runs, unless called inside that call.
    void set_client_delegate(ClientDelegate* delegate);
    void set_message_delegate(MessageClientDelegate* delegate);
    // Callbacks run between resume() and pause(). pause() drops client events and waits for a call
    // that runs, unless called inside it.
    void resume();
    void pause();
    // No call follows; waits as pause() does. Called inside a call, that one counts as done from
    // here on.
    void end();
    std::size_t poll(std::chrono::milliseconds wait);
    // What the executor runs; never on `engine`, the thread that gave it to the executor: callbacks
    // may wait for that one.
    void run_batch(std::thread::id engine);

  private:
    enum class Slot { none, client, message };
    struct Event {
        EventKind kind;
        UniqueFunction<void(ClientDelegate&)> call;
    };
    struct Due {
        std::uint64_t id;
        UniqueFunction<void(MessageClientDelegate&)> call;
    };
    using Lock = std::unique_lock<std::mutex>;

    bool has_work() const;
    void wake();
    void run_one(Lock& lock);
    template <typename Call, typename Delegate>
    void guarded(Call& call, Delegate& delegate);
    void wait_for_slot(Lock& lock, Slot slot);
    void wait_for_running(Lock& lock);
    void report_done(std::uint64_t id);
    void run_thread();

    const CallbackMode mode_;
    Hooks hooks_;
    const std::shared_ptr<LogSink> log_sink_;
    const Logger log_;
    std::thread thread_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool resumed_ = false;
    bool ended_ = false;
    ClientDelegate* client_delegate_ = nullptr;
    MessageClientDelegate* message_delegate_ = nullptr;
    std::deque<Event> events_;
    std::deque<Due> due_;
    std::vector<std::uint64_t> done_;
    bool scheduled_ = false;

    // The call that runs.
    Slot running_ = Slot::none;
    std::thread::id running_thread_;
    std::uint64_t running_id_ = 0;
    bool running_reported_ = false;
    std::uint64_t runs_ = 0;
};

}  // namespace parley::sdk
