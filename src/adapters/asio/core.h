#pragma once

#include "adapters/asio/entropy.h"
#include "adapters/asio/loop.h"
#include "adapters/asio/ready_set.h"
#include "adapters/asio/timers.h"
#include "adapters/asio/tls.h"
#include "adapters/asio/traffic.h"
#include "wire/websocket/frame.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

// For the .cc files of this folder only: what stands behind an AsioLoop.
namespace parley::asio {

namespace net = boost::asio;

// Waits for readiness; reads and writes go to the descriptor directly.
using Descriptor = net::posix::basic_stream_descriptor<net::io_context::executor_type>;

// What a connection has to write.
struct Outgoing {
    Bytes bytes;
    std::size_t start = 0;        // of what is not written yet
    std::size_t frame_start = 0;  // of the payload of the frame being made
    std::size_t frame_bytes = 0;
    websocket::MaskKey frame_key{};

    std::size_t left() const { return bytes.size() - start; }
};

// Buffers for what connections write, lent while there is something to write: an idle connection
// holds none, a busy loop allocates none. Bounded in bytes: one turn may write to many connections.
class OutgoingPool {
  public:
    std::unique_ptr<Outgoing> take();
    void give_back(std::unique_ptr<Outgoing> outgoing);

  private:
    static constexpr std::size_t kKeptBytes = 4 * 1024 * 1024;
    static constexpr std::size_t kLargestKept = 128 * 1024;
    std::vector<std::unique_ptr<Outgoing>> free_;
    std::size_t bytes_ = 0;  // their capacity together
};

// Keys that nobody can guess (RFC 6455, 5.3), a thousand for one system call.
class MaskKeys {
  public:
    websocket::MaskKey next();

  private:
    SystemEntropy entropy_;
    std::string drawn_;
    std::size_t used_ = 0;
};

inline constexpr std::size_t kReadScratchBytes = 64 * 1024;

struct AsioLoop::Core {
    Core();

    // Destroys what is left: tasks first, while all still works, then the handlers of the
    // io_context with what they own.
    void shut_down();
    Instant now();
    void turn(Wait wait);
    void post(Task task);
    void wake();
    std::span<std::byte> read_scratch() { return {scratch.get(), kReadScratchBytes}; }

    void run_sockets(bool block);
    void run_posted();
    void run_timers();
    void run_turn_ends();
    void arm_timer();
    void wait_for_timer();

    std::atomic<bool> stopping{false};
    bool shut = false;
    // The thread that runs a turn now, or none.
    std::atomic<std::thread::id> runner{};

    bool in_turn = false;
    std::optional<Instant> turn_time;  // read once a turn, when somebody asks
    Timers timers;
    std::vector<Task> own_posts;  // by this thread, during this turn: for the next one
    std::vector<Task> turn_ends;

    // Guards `foreign_posts`, what other threads posted. Nothing else is done while it is held.
    std::mutex foreign_mutex;
    std::vector<Task> foreign_posts;
    std::atomic<bool> has_foreign_posts{false};

    std::unique_ptr<std::byte[]> scratch;
    OutgoingPool outgoing;
    Traffic traffic;
    MaskKeys mask_keys;
    TlsPipe tls_pipe;

    std::unique_ptr<net::io_context> context = std::make_unique<net::io_context>(1);
    std::optional<Descriptor> timer_descriptor;
    std::optional<ReadySet> ready_set;
    std::optional<Instant> timer_armed_for;
};

}  // namespace parley::asio
