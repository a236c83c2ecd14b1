#pragma once

#include "device.h"
#include "histogram.h"
#include "process.h"
#include "report.h"
#include "settings.h"

#include "base/random.h"
#include "io/clock.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::bench {

// What all workloads share: devices, message ids, the clock of the measurement, and how a run ends.
// A workload starts its devices in start() and calls finish() when it has measured; fail() if it
// can't.
class Workload {
  public:
    Workload(Settings settings, io::Loop& loop, io::Dialer& dialer, const io::WallClock& clock,
             std::uint64_t seed);
    virtual ~Workload() = default;
    virtual void start() = 0;

    bool done() const { return done_; }
    const std::string& failure() const { return failure_; }
    const Report& report() const { return report_; }

  protected:
    using Clock = std::chrono::steady_clock;

    UserId user(const std::string& role, std::size_t index) const;
    // A device whose unexpected end fails the run; `hooks.on_end` set: it decides.
    Device& add_device(UserId user, const std::string& device, Device::Hooks hooks);
    std::string token_of(const UserId& user) const;
    wire::Submit message_to(const std::vector<UserId>& recipients);
    // Connects devices [0, count) some at a time, then calls `then`.
    void connect_all(std::size_t first, std::size_t count, bool skip_history,
                     std::function<void()> then);
    void connected_one();
    void begin_measuring();
    void finish();
    void fail(std::string why);
    double seconds_measured() const;
    void add_server_figures(double messages);
    static std::int64_t us_since(Clock::time_point then) {
        return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - then).count();
    }

    Settings settings_;
    io::DialTarget target_;
    Duration duration_;
    io::Loop& loop_;
    io::Dialer& dialer_;
    const io::WallClock& clock_;
    std::vector<std::unique_ptr<Device>> devices_;
    Report report_;

  private:
    void connect_more();

    UuidV7 ids_;
    std::size_t next_ = 0, last_ = 0, pending_ = 0;
    bool skip_history_ = false;
    std::function<void()> then_;
    Clock::time_point began_;
    ProcessUse server_before_, self_before_;
    bool done_ = false;
    std::string failure_;
};

// By name: pairs, offline, idle, fanout, storm; null: there is no such one.
std::unique_ptr<Workload> make_workload(Settings settings, io::Loop& loop, io::Dialer& dialer,
                                        const io::WallClock& clock, std::uint64_t seed);

}  // namespace parley::bench
