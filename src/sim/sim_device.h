#pragma once

#include "base/log.h"
#include "client/engine.h"
#include "sim/sim_loop.h"
#include "sim/sim_network.h"
#include "sim/sim_vfs.h"
#include "sim/trace.h"
#include "sim/witness.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::sim {

// How the app on a device behaves.
struct AppHabits {
    Duration callback_delay{1'000};  // from "due" to the call, at most
    Duration callback_takes{500};    // from the call to its return, at most
    double crash_in_callback = 0.0;  // it ends between a callback and its mark
    Duration token_life = std::chrono::hours(1);
    double token_refused = 0.0;  // its backend has no token just now
};

struct DeviceOptions {
    ApplicationKey application;
    std::chrono::milliseconds retry_window{};
    std::uint64_t inbox_bytes = kInboxBytes;
    ClockDrift drift;
    AppHabits habits;
};

// What a device shares with the rest of the world; outlives it.
struct DeviceSurroundings {
    Scheduler& scheduler;
    SimNetwork& network;
    Trace& trace;
    std::vector<Witness*> witnesses;
    // A token for this user, from the app's own backend.
    std::function<std::string(const DeviceTag&, Duration life)> sign_token;
    LogSink& log;
};

// One installation: a disk and a clock that last, and a process of the app with the SDK's engine in
// it that comes and goes.
class SimDevice final : private client::EngineObserver {
  public:
    SimDevice(DeviceSurroundings& surroundings, DeviceTag tag, DeviceOptions options,
              std::uint64_t seed);
    ~SimDevice() override;

    const DeviceTag& tag() const { return tag_; }
    SimWallClock& clock() { return clock_; }
    SimVfs& disk() { return disk_; }
    AppHabits& habits() { return options_.habits; }

    // Starts the process; with a disk that does not let it, it tries again until it can.
    void boot();
    // Ends the process in good order.
    void quit();
    // Ends it now, also from within its own calls. It stays down until boot().
    void crash(PowerLoss how);
    bool running() const { return process_ != nullptr && !ending_; }
    bool connected() const { return connected_; }
    // Sessions opened since the last call.
    std::uint64_t sessions() const { return sessions_; }

    // ---- the app; only while running
    MessageId send(std::vector<UserId> recipients, std::string text,
                   std::map<std::string, std::string> headers);
    // Makes a copy and sends it. Nothing, if the store did not let it.
    void send_copy(const MessageId& original, const std::vector<UserId>& recipients,
                   const std::string& text, const std::map<std::string, std::string>& headers);
    void cancel(const MessageId& message);
    void network_changed();
    bool outbox_empty();
    // True if the local store would still know this cursor, or this message as one of the outbox
    // that was submitted, after a power loss now.
    bool keeps_cursor(const Cursor& cursor);
    bool keeps_submission(const MessageId& message);

    // ---- faults
    // The disk was full or failed at some time since the process started.
    bool disk_disturbed() const { return disk_disturbed_; }
    void disturb_disk() { disk_disturbed_ = true; }
    bool clock_disturbed() const { return clock_disturbed_; }
    void jump_clock(Duration by);

  private:
    // Whether `check` holds of the local store as a power loss now would leave it.
    bool after_power_loss(
        const std::function<bool(client::LocalStore&, const client::StoreFacts&)>& check);
    struct Process;

    void on_started(const UserId& user, const DeviceId& device) override;
    void on_state(const client::ConnectionState& state) override;
    void on_failed(const Error& error, client::Finality finality) override;
    void on_token_needed(client::TokenReason reason) override;
    void on_callbacks_due() override;
    void on_inbox(client::InboxState state) override;

    bool start_process();
    void tear_down(bool crashed);
    void finish_quit(Instant deadline);
    void later(Duration most, Task task);
    void take_callbacks();
    void run_callback();
    void end_callback(client::CallbackId id);
    void submit(client::OutgoingDraft draft);
    void note_callback(const client::Callback& callback);

    DeviceSurroundings& surroundings_;
    DeviceTag tag_;
    DeviceOptions options_;
    Random random_;
    SimWallClock clock_;
    SimVfs disk_;
    std::unique_ptr<Process> process_;
    bool ending_ = false;
    bool boot_when_down_ = false;  // asked for while the process before was still going
    bool connected_ = false;
    bool clock_disturbed_ = false;
    bool disk_disturbed_ = false;
    std::uint64_t sessions_ = 0;
    std::uint64_t boot_attempt_ = 0;
};

}  // namespace parley::sim
