#include "adapters/asio/loop.h"

#include "adapters/asio/core.h"
#include "base/assert.h"

#include <boost/asio/post.hpp>

#include <sys/timerfd.h>
#include <unistd.h>
#include <algorithm>
#include <ctime>
#include <utility>

namespace parley::asio {

namespace {

// Ready sockets served in one turn, so that what the turn produced is sent soon.
constexpr int kSocketsPerTurn = 64;

// Counts while the machine sleeps, unlike CLOCK_MONOTONIC.
constexpr clockid_t kClock = CLOCK_BOOTTIME;

Instant read_clock() {
    timespec time{};
    PARLEY_ASSERT(clock_gettime(kClock, &time) == 0);
    return Instant(std::chrono::seconds(time.tv_sec) +
                   std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(time.tv_nsec)));
}

int make_timer_descriptor() {
    const int descriptor = timerfd_create(kClock, TFD_NONBLOCK | TFD_CLOEXEC);
    PARLEY_ASSERT(descriptor >= 0);
    return descriptor;
}

}  // namespace

std::unique_ptr<Outgoing> OutgoingPool::take() {
    if (free_.empty()) {
        return std::make_unique<Outgoing>();
    }
    std::unique_ptr<Outgoing> outgoing = std::move(free_.back());
    free_.pop_back();
    bytes_ -= sizeof(Outgoing) + outgoing->bytes.capacity();
    return outgoing;
}

void OutgoingPool::give_back(std::unique_ptr<Outgoing> outgoing) {
    const std::size_t bytes = sizeof(Outgoing) + outgoing->bytes.capacity();
    if (bytes > kLargestKept || bytes_ + bytes > kKeptBytes) {
        return;
    }
    outgoing->bytes.clear();
    outgoing->start = 0;
    free_.push_back(std::move(outgoing));
    bytes_ += bytes;
}

websocket::MaskKey MaskKeys::next() {
    constexpr std::size_t drawn_bytes = 4096;
    if (used_ == drawn_.size()) {
        drawn_ = entropy_.bytes(drawn_bytes);
        used_ = 0;
    }
    websocket::MaskKey key;
    for (std::uint8_t& byte : key) {
        byte = static_cast<std::uint8_t>(drawn_[used_++]);
    }
    return key;
}

AsioLoop::Core::Core() : scratch(std::make_unique_for_overwrite<std::byte[]>(kReadScratchBytes)) {
    timer_descriptor.emplace(*context, make_timer_descriptor());
    ready_set.emplace(*context);
    wait_for_timer();
}

void AsioLoop::Core::shut_down() {
    // The destructor of a task may post again or set timers.
    bool found = true;
    while (found) {
        std::vector<Task> own;
        own.swap(own_posts);
        std::vector<Task> ends;
        ends.swap(turn_ends);
        std::vector<Task> foreign;
        {
            const std::lock_guard lock(foreign_mutex);
            foreign.swap(foreign_posts);
        }
        found = !own.empty() || !ends.empty() || !foreign.empty() || timers.size() > 0;
        timers.clear();
    }
    shut = true;
    timer_descriptor.reset();
    ready_set.reset();
    context.reset();
    turn_ends.clear();
    timers.clear();
}

Instant AsioLoop::Core::now() {
    if (!in_turn) {
        return read_clock();
    }
    if (!turn_time) {
        turn_time = read_clock();
    }
    return *turn_time;
}

void AsioLoop::Core::post(Task task) {
    if (shut) {
        return;
    }
    if (runner.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
        own_posts.push_back(std::move(task));
        return;
    }
    bool first = false;
    {
        const std::lock_guard lock(foreign_mutex);
        first = foreign_posts.empty();
        foreign_posts.push_back(std::move(task));
        has_foreign_posts.store(true, std::memory_order_release);
    }
    // One wake-up for all that gathers until the loop looks.
    if (first) {
        wake();
    }
}

void AsioLoop::Core::wake() {
    net::post(*context, [] {});
}

void AsioLoop::Core::turn(Wait wait) {
    runner.store(std::this_thread::get_id(), std::memory_order_relaxed);
    in_turn = true;
    std::vector<Task> posted;
    posted.swap(own_posts);
    arm_timer();
    ready_set->arm();
    // Ends that wait already were given before the loop ran.
    const bool block = wait == Wait::yes && posted.empty() && turn_ends.empty() &&
                       !has_foreign_posts.load(std::memory_order_acquire) &&
                       !stopping.load(std::memory_order_acquire);
    run_sockets(block);
    run_timers();
    for (Task& task : posted) {
        Task running = std::move(task);
        running();
    }
    run_posted();
    run_turn_ends();
    // The capacity is used again, if nothing was posted meanwhile.
    posted.clear();
    if (own_posts.empty()) {
        own_posts.swap(posted);
    }
    in_turn = false;
    turn_time.reset();
    runner.store(std::thread::id(), std::memory_order_relaxed);
}

void AsioLoop::Core::run_sockets(bool block) {
    if (context->stopped()) {
        context->restart();
    }
    if (block) {
        context->run_one();
    }
    int served = 0;
    while (served < kSocketsPerTurn && context->poll_one() > 0) {
        ++served;
    }
}

void AsioLoop::Core::run_posted() {
    if (!has_foreign_posts.load(std::memory_order_acquire)) {
        return;
    }
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(foreign_mutex);
        tasks.swap(foreign_posts);
        has_foreign_posts.store(false, std::memory_order_release);
    }
    for (Task& task : tasks) {
        Task running = std::move(task);
        running();
    }
}

void AsioLoop::Core::run_timers() {
    if (const auto earliest = timers.earliest(); !earliest || *earliest > now()) {
        return;
    }
    timers.collect_due(now());
    while (Task task = timers.take_fired()) {
        task();
    }
}

void AsioLoop::Core::run_turn_ends() {
    // By index: a task may add another, which belongs to this turn too.
    for (std::size_t i = 0; i < turn_ends.size(); ++i) {
        Task task = std::move(turn_ends[i]);
        task();
    }
    turn_ends.clear();
}

// Sets the system's timer when the next deadline is sooner than what it is set to. A later one
// waits for the next time it fires: most timers are moved on before they are due.
void AsioLoop::Core::arm_timer() {
    const auto earliest = timers.earliest();
    if (!earliest || (timer_armed_for && *timer_armed_for <= *earliest)) {
        return;
    }
    const auto since = std::max(earliest->time_since_epoch(), Duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds);
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(seconds.count());
    spec.it_value.tv_nsec = static_cast<long>(rest.count());
    PARLEY_ASSERT(
        timerfd_settime(timer_descriptor->native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
    timer_armed_for = *earliest;
}

void AsioLoop::Core::wait_for_timer() {
    timer_descriptor->async_wait(Descriptor::wait_read, [this](boost::system::error_code error) {
        if (error) {
            return;
        }
        std::uint64_t expirations = 0;
        // Nothing to read is fine: it was set anew in between.
        [[maybe_unused]] const ssize_t count =
            ::read(timer_descriptor->native_handle(), &expirations, sizeof(expirations));
        timer_armed_for.reset();
        wait_for_timer();
    });
}

AsioLoop::AsioLoop() : core_(std::make_unique<Core>()) {}

AsioLoop::~AsioLoop() {
    core_->shut_down();
}

void AsioLoop::run() {
    while (!core_->stopping.load(std::memory_order_acquire)) {
        core_->turn(Wait::yes);
    }
    core_->stopping.store(false, std::memory_order_release);
}

void AsioLoop::run_turn(Wait wait) {
    core_->turn(wait);
}

void AsioLoop::stop() {
    core_->stopping.store(true, std::memory_order_release);
    core_->wake();
}

Instant AsioLoop::now() const {
    return core_->now();
}

io::Timer AsioLoop::call_at(Instant when, Task task) {
    return io::Timer(*this, core_->timers.add(when, std::move(task)));
}

void AsioLoop::post(Task task) {
    core_->post(std::move(task));
}

void AsioLoop::at_turn_end(Task task) {
    core_->turn_ends.push_back(std::move(task));
}

void AsioLoop::cancel(std::uint64_t timer) noexcept {
    core_->timers.cancel(timer);
}

}  // namespace parley::asio
