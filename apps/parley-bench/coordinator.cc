#include "coordinator.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace parley::bench {
namespace {

constexpr Nanos kSettleInterrupted = kSecond / 2;
// A step that ends by itself, in which nothing has moved for so long, never will.
constexpr Nanos kStalled = 60 * kSecond;

Nanos nanos_of(double seconds) {
    return static_cast<Nanos>(seconds * 1e9);
}
double seconds_of(Nanos nanos) {
    return static_cast<double>(nanos) / 1e9;
}

}  // namespace

Coordinator::Coordinator(const Settings& settings, const Target& target, const Plan& plan,
                         std::uint64_t seed)
    : settings_(settings), plan_(plan) {
    // Before there are threads, which inherit this.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    orders_.changed = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    Random seeds(seed);
    for (std::size_t i = 0; i < settings.threads; ++i) {
        shards_.push_back(plan.make({settings, target, orders_, plan.steps, i, seeds.next()}));
    }
}

Coordinator::~Coordinator() {
    stop_threads();
    ::close(orders_.changed);
    ::close(signals_);
}

std::string Coordinator::run(Outcome& outcome) {
    start_threads();
    for (std::size_t step = 1; step <= plan_.steps.size() && !over(); ++step) {
        run_step(step, outcome);
    }
    stop_threads();
    for (const auto& shard : shards_) {
        outcome.tally.add(shard->tally());
    }
    outcome.interrupted = interrupted_;
    return failure_;
}

void Coordinator::start_threads() {
    for (auto& shard : shards_) {
        threads_.emplace_back([&shard] { shard->run(); });
    }
    // Their ids are needed for the samples.
    for (const auto& shard : shards_) {
        while (shard->standing().tid == 0) {
            ::sched_yield();
        }
    }
}

void Coordinator::stop_threads() {
    orders_.quit.store(true, std::memory_order_release);
    for (auto& shard : shards_) {
        shard->wake();
    }
    for (auto& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void Coordinator::run_step(std::size_t step, Outcome& outcome) {
    const Step& what = plan_.steps[step - 1];
    doing_ = what.name;
    Sample before = sample();
    Sample after;
    Nanos measured_at = 0;
    orders_.begun = ticks();
    if (what.timed) {
        measured_at = orders_.begun + nanos_of(plan_.warmup);
        orders_.window.from = measured_at;
        orders_.window.until = measured_at + nanos_of(settings_.seconds);
        orders_.settled_by = orders_.window.until + nanos_of(settings_.settle);
    } else {
        orders_.window.from = before.at;
        orders_.window.until = kForever;
    }
    moved_at_ = ticks();
    orders_.step.store(step, std::memory_order_release);
    for (auto& shard : shards_) {
        shard->wake();
    }
    if (!what.timed) {
        wait_for(kForever, step);
        after = sample();
    } else {
        wait_for(measured_at, step);
        if (over()) {
            return;
        }
        run_timed(before, after);
        wait_for(orders_.settled_by + kSecond, step);
    }
    Span span = span_of(what.name, before, after);
    if (what.timed) {
        span.counted_seconds = seconds_of(orders_.window.until - orders_.window.from);
    }
    outcome.spans.push_back(std::move(span));
}

void Coordinator::run_timed(Sample& before, Sample& after) {
    before = sample();
    wait_for(orders_.window.until, SIZE_MAX);
    after = sample();
    if (interrupted_) {
        orders_.window.until = after.at;
        orders_.settled_by = after.at + kSettleInterrupted;
        for (auto& shard : shards_) {
            shard->wake();
        }
    }
}

bool Coordinator::all_done(std::size_t step) {
    bool all = true;
    for (const auto& shard : shards_) {
        const Standing& standing = shard->standing();
        if (standing.failed.load(std::memory_order_acquire) && failure_.empty()) {
            failure_ = standing.failure;
        }
        all = all && standing.step_done.load(std::memory_order_acquire) >= step;
    }
    return all || !failure_.empty();
}

void Coordinator::wait_for(Nanos until, std::size_t step) {
    const bool was_interrupted = interrupted_;
    while (!all_done(step) && interrupted_ == was_interrupted) {
        const Nanos moment = ticks();
        if (moment >= until) {
            return;
        }
        print_progress();
        if (until == kForever && moment - moved_at_ > kStalled) {
            failure_ = doing_ + ": nothing has moved for a minute, so it was given up";
            return;
        }
        const timespec timeout = timespec_of(std::min(until - moment, kSecond / 4));
        pollfd descriptors[] = {{orders_.changed, POLLIN, 0}, {signals_, POLLIN, 0}};
        ::ppoll(descriptors, 2, &timeout, nullptr);
        std::uint64_t ignored = 0;
        [[maybe_unused]] auto taken = ::read(orders_.changed, &ignored, sizeof ignored);
        signalfd_siginfo signal{};
        if (::read(signals_, &signal, sizeof signal) == sizeof signal) {
            interrupted_ = true;
        }
    }
}

std::uint64_t Coordinator::sum(Stage stage) const {
    std::uint64_t all = 0;
    for (const auto& shard : shards_) {
        all += shard->standing().counts[stage].load(std::memory_order_relaxed);
    }
    return all;
}

// Once a second: what has come so far, and how fast. Also sees whether anything moves.
void Coordinator::print_progress() {
    const Nanos moment = ticks();
    if (moment - progress_at_ < kSecond) {
        return;
    }
    const double seconds = progress_at_ == 0 ? 1 : seconds_of(moment - progress_at_);
    progress_at_ = moment;
    std::uint64_t connected = 0;
    for (const auto& shard : shards_) {
        connected += shard->standing().connected.load(std::memory_order_relaxed);
    }
    std::uint64_t moved = connected;
    std::string line = fmt::format("{}: {} connected", doing_, connected);
    for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
        const std::uint64_t count = sum(static_cast<Stage>(stage));
        line += fmt::format(", {:.0f} {}/s", static_cast<double>(count - shown_[stage]) / seconds,
                            plan_.stages[stage]);
        shown_[stage] = count;
        moved += count;
    }
    if (moved != moved_to_) {
        moved_to_ = moved;
        moved_at_ = moment;
    }
    if (settings_.progress) {
        std::fprintf(stderr, "%s\n", line.c_str());
    }
}

Coordinator::Sample Coordinator::sample() const {
    Sample taken;
    taken.at = ticks();
    const Nanos server_cpu = ProcessUse::cpu_of(settings_.server_pid);
    taken.own_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        clockid_t clock{};
        // The clock of a thread that runs can't be refused.
        ::pthread_getcpuclockid(const_cast<std::thread&>(threads_[i]).native_handle(), &clock);
        taken.thread_cpu.push_back(read_clock(clock));
        taken.thread_waited.push_back(waited_for_core(shards_[i]->standing().tid));
    }
    // Last: on a large process this takes a moment.
    taken.server = ProcessUse::of(settings_.server_pid, plan_.memory);
    taken.server.cpu = server_cpu;
    return taken;
}

Span Coordinator::span_of(const std::string& name, const Sample& before,
                          const Sample& after) const {
    Span span;
    span.name = name;
    span.seconds = std::max(seconds_of(after.at - before.at), 1e-9);
    span.counted_seconds = span.seconds;
    span.server_cpu = seconds_of(after.server.cpu - before.server.cpu);
    span.own_cpu = seconds_of(after.own_cpu - before.own_cpu);
    for (std::size_t i = 0; i < before.thread_cpu.size(); ++i) {
        span.busiest =
            std::max(span.busiest, seconds_of(after.thread_cpu[i] - before.thread_cpu[i]));
        span.most_waited = std::max(span.most_waited,
                                    seconds_of(after.thread_waited[i] - before.thread_waited[i]));
    }
    span.resident_kib = after.server.resident_kib;
    span.proportional_kib = after.server.proportional_kib;
    span.resident_kib_before = before.server.resident_kib;
    span.proportional_kib_before = before.server.proportional_kib;
    return span;
}

}  // namespace parley::bench
