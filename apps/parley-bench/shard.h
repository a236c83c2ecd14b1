#pragma once

#include "flights.h"
#include "reactor.h"
#include "settings.h"
#include "tally.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace parley::bench {

enum class Phase : std::uint8_t { enrol, connect, store, drain, resync, measure };

// A step that all threads take together. A timed one is measured for the time that was asked for,
// after the warm-up; another until all threads are done with it.
struct Step {
    Phase phase = Phase::connect;
    std::string name;
    bool timed = false;
};

// What the coordinator tells the threads. A step is begun when all threads are done with the one
// before; they count from 1.
struct Orders {
    std::atomic<std::size_t> step{0};
    std::atomic<Nanos> begun{0};  // when the step was: the schedules of all threads count from here
    std::atomic<bool> quit{false};
    Window window;
    // Until then, after the window, a timed step waits for what is under way.
    std::atomic<Nanos> settled_by{kForever};
    int changed = -1;  // an eventfd: a thread has something to tell
};

// What a thread tells the coordinator.
struct Standing {
    std::atomic<std::size_t> step_done{0};
    std::atomic<bool> failed{false};  // then `failure` says why
    std::string failure;
    std::atomic<std::uint64_t> connected{0};
    std::array<std::atomic<std::uint64_t>, kStages> counts{};
    std::atomic<int> tid{0};
};

// One thread's part of a workload: its connections, its messages, its figures. Made and destroyed
// by the coordinator, runs on a thread of its own; the users of a shard are its own, so that shards
// share nothing.
class Shard : public Observer {
  public:
    struct Place {
        const Settings& settings;
        const Target& target;
        const Orders& orders;
        const std::vector<Step>& steps;
        std::size_t thread = 0;
        std::uint64_t seed = 0;
    };
    Shard(const Place& place, std::size_t connections);

    // The thread's loop, until it is told to quit.
    void run();
    void wake() { reactor_.wake(); }
    const Standing& standing() const { return standing_; }
    // What was measured; after run() has returned.
    const Tally& tally() const { return tally_; }

    void on_welcome(std::uint32_t index, const wire::Welcome& welcome) override;
    void on_answer(std::uint32_t, std::string_view) override {}
    void on_incoming(std::uint32_t, std::string_view) override {}
    void on_delivered(std::uint32_t, std::string_view) override {}
    void on_refused(std::uint32_t index, const std::string& why) override;
    void on_end(std::uint32_t index, const std::string& why) override;

    // How many of `all` things fall to a thread.
    static std::size_t part(std::size_t all, std::size_t thread, std::size_t threads) {
        return all / threads + (thread < all % threads ? 1 : 0);
    }

  protected:
    virtual void begin(Phase phase) = 0;
    // Does what is due at now(); returns when it wants to be called again at the latest.
    virtual Nanos turn() = 0;
    virtual UserId user_of(std::uint32_t index) const = 0;

    // The name of one of this thread's users. All names of a role have the same length.
    UserId user(std::string_view role, std::size_t index) const;
    wire::Hello hello(const UserId& user, const std::string& device) const;
    // Connects [first, first + count), some at a time: the next when one is through(), which it is
    // with its Welcome unless the workload says so itself.
    enum class Through { welcomed, said };
    void connect_all(std::uint32_t first, std::size_t count, Through when = Through::welcomed);
    void through();
    bool all_through() const { return making_ == 0 && next_ == last_; }
    // A message to a template's recipients, over this connection.
    void submit(std::uint32_t index, const SubmitTemplate& message, Nanos due, std::uint32_t owner,
                std::uint32_t deliveries);
    // The flight that a message id names; null: none that is under way.
    Flights::Flight* flight_of(std::string_view message_id, std::uint64_t& tag);
    void count(Stage stage);
    void count(Stage stage, Nanos due);
    // What did not come counts with the time that it has waited so far: left out, it would make the
    // figures better the worse the server is.
    void count_missing(Stage stage, Nanos due);
    // True once, when what is under way at the end of a timed step has come, or was waited for.
    bool settled(bool nothing_under_way);
    bool in_window_time() const { return ticks() < window().until.load(std::memory_order_relaxed); }
    // False, and the run fails, if --outstanding is more than the server lets a session have.
    bool outstanding_fits();
    void step_done();
    void fail(std::string why);
    const Window& window() const { return place_.orders.window; }
    Nanos now() const { return reactor_.now(); }

    const Place place_;
    const Settings& settings_;
    Reactor reactor_;
    MessageIds ids_;
    Flights flights_;
    Tally tally_;
    std::uint32_t inflight_submissions_ = 1;  // the server's limit per session

  private:
    void connect_more();

    Standing standing_;
    std::size_t step_ = 0;
    std::size_t done_ = 0;
    Through when_ = Through::welcomed;
    std::uint32_t next_ = 0, last_ = 0;
    std::size_t making_ = 0;
};

}  // namespace parley::bench
