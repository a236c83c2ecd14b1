#pragma once

#include "process.h"
#include "workloads.h"

#include <string>
#include <thread>
#include <vector>

namespace parley::bench {

// Runs a plan: its threads, step by step, with samples of what the server and the threads use at
// the edges of each. SIGINT and SIGTERM end the measurement, not the program: what was measured so
// far is reported. One run an object.
class Coordinator {
  public:
    Coordinator(const Settings& settings, const Target& target, const Plan& plan,
                std::uint64_t seed);
    Coordinator(const Coordinator&) = delete;
    ~Coordinator();

    // Empty: `outcome` is filled. Else why there is none.
    std::string run(Outcome& outcome);

  private:
    struct Sample {
        Nanos at = 0;
        ProcessUse server;
        Nanos own_cpu = 0;
        std::vector<Nanos> thread_cpu, thread_waited;
    };

    void start_threads();
    void stop_threads();
    void run_step(std::size_t step, Outcome& outcome);
    void run_timed(Sample& before, Sample& after);
    // Until then, until all threads are done with this step, or until something ends the run.
    void wait_for(Nanos until, std::size_t step);
    bool over() const { return !failure_.empty() || interrupted_; }
    bool all_done(std::size_t step);
    void print_progress();
    Sample sample() const;
    Span span_of(const std::string& name, const Sample& before, const Sample& after) const;
    std::uint64_t sum(Stage stage) const;

    const Settings& settings_;
    const Plan& plan_;
    Orders orders_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::vector<std::thread> threads_;
    int signals_ = -1;
    bool interrupted_ = false;
    std::string failure_;
    std::string doing_;
    Nanos progress_at_ = 0;
    Nanos moved_at_ = 0;
    std::uint64_t moved_to_ = 0;
    std::array<std::uint64_t, kStages> shown_{};
};

}  // namespace parley::bench
