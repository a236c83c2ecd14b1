#pragma once

#include "io/loop.h"

#include <cstdint>
#include <memory>

namespace parley::asio {

// The real loop: sockets, timers and posted tasks of one thread, on Boost.Asio. One thread at a
// time calls run(); that thread is then the loop's thread. Before run() whoever made it may use it
// like the loop's thread.
//
// A turn is: wait until something happens, run what is ready (sockets, posted tasks, due timers;
// bounded, so that none of them starves the others), then the tasks given to at_turn_end(). What a
// turn posts runs in a later one.
//
// Outlives everything made on it. Tasks that are left when it is destroyed are destroyed without
// being run.
class AsioLoop final : public io::Loop {
  public:
    AsioLoop();
    AsioLoop(const AsioLoop&) = delete;
    AsioLoop& operator=(const AsioLoop&) = delete;
    ~AsioLoop() override;

    // Runs turns on the calling thread until stop(). May be called again afterwards.
    void run();
    // One turn. With Wait::yes it blocks until something happens (a stop() too); with Wait::no it
    // only runs what is ready.
    enum class Wait { yes, no };
    void run_turn(Wait wait);
    // Makes run() return after its current turn; a run() that has not begun yet returns at once.
    // Any thread.
    void stop();

    Instant now() const override;
    [[nodiscard]] io::Timer call_at(Instant when, Task task) override;
    void post(Task task) override;
    void at_turn_end(Task task) override;

    // What the files of this folder share: the io_context, the scratch buffers.
    struct Core;
    Core& core() { return *core_; }

  private:
    void cancel(std::uint64_t timer) noexcept override;

    std::unique_ptr<Core> core_;
};

}  // namespace parley::asio
