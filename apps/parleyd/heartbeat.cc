#include "heartbeat.h"

#include "files.h"

#include <unistd.h>

#include <atomic>
#include <string>
#include <utility>

namespace parley::parleyd {

// Shared with the task that waits in the loop, which may outlive the heartbeat.
struct Heartbeat::Pulse {
    std::atomic<bool> answered{true};
    std::atomic<int> thread{0};  // 0: the loop has not turned yet
};

Heartbeat::Heartbeat(std::vector<io::Loop*> loops, WaitsForDisk waits_for_disk, Logger log)
    : loops_(std::move(loops)), waits_for_disk_(std::move(waits_for_disk)), log_(log) {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        pulses_.push_back(std::make_shared<Pulse>());
    }
}

Heartbeat::~Heartbeat() = default;

bool Heartbeat::beat() {
    bool all = true;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        const std::shared_ptr<Pulse>& pulse = pulses_[i];
        if (pulse->answered.exchange(false)) {
            loops_[i]->post([pulse] {
                pulse->thread = ::gettid();
                pulse->answered = true;
            });
            continue;
        }
        const int thread = pulse->thread;
        if (thread != 0 && waits_for_disk_(i, thread)) {
            log_.warn("server.loop_waits_for_disk", {{"loop", std::uint64_t{i}}});
        } else {
            log_.error("server.loop_stuck", {{"loop", std::uint64_t{i}}, {"thread", thread}});
            all = false;
        }
    }
    return all;
}

bool waits_for_disk(int thread) {
    // "NUMBER (NAME) STATE ...", where the name may hold anything.
    const auto status = read_file("/proc/self/task/" + std::to_string(thread) + "/stat", 4096);
    if (!status) {
        return false;
    }
    const auto name_end = status->rfind(") ");
    return name_end != std::string::npos && status->compare(name_end + 2, 1, "D") == 0;
}

}  // namespace parley::parleyd
