#include "sim/sim_server.h"

#include "sim/late_store.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace parley::sim {
namespace {

constexpr Duration kBootAgain = std::chrono::seconds(2);
// In every other process a reading takes up to this long.
constexpr Duration kLatestReading = std::chrono::milliseconds(150);

}  // namespace

struct SimServer::Process {
    Process(SimServer& server, std::uint64_t seed)
        : store_loop(server.scheduler_, server.options_.drift, seed),
          entropy(seed ^ 0x5eed),
          table(server.disk_, server.scheduler_, store_loop, seed ^ 0x7ab1e, server.trace_) {
        for (std::uint32_t i = 0; i < server.options_.loops; ++i) {
            loops.push_back(
                std::make_unique<SimLoop>(server.scheduler_, server.options_.drift, seed + 1 + i));
        }
    }

    SimLoop store_loop;
    std::vector<std::unique_ptr<SimLoop>> loops;
    SimEntropy entropy;
    SimTable table;
    std::unique_ptr<mailbox::LogStore> store;
    std::unique_ptr<mailbox::Store> door;  // of the first loop, for the checkers' questions
    std::unique_ptr<server::Node> node;
};

SimServer::SimServer(Scheduler& scheduler, SimNetwork& network, Trace& trace, LogSink& log,
                     ServerOptions options, std::uint64_t seed)
    : scheduler_(scheduler),
      network_(network),
      trace_(trace),
      log_(log),
      options_(std::move(options)),
      random_(seed),
      clock_(scheduler, options_.drift),
      disk_(Epoch("epoch-1")) {}

SimServer::~SimServer() {
    tear_down();
}

void SimServer::boot() {
    const std::uint64_t start = ++starts_;
    if (process_ != nullptr || start_process()) {
        return;
    }
    scheduler_.after(kBootAgain, [this, start] {
        if (start == starts_) {
            boot();
        }
    });
}

bool SimServer::start_process() {
    auto process = std::make_unique<Process>(*this, random_.next());
    mailbox::LogStoreOptions options;
    options.retention = options_.retention;
    options.retry_window = options_.node.limits.retry_window;
    options.quota_pending_bytes = options_.node.server.quota_pending_bytes;
    options.quota_retained_bytes = options_.node.server.quota_retained_bytes;
    options.on_fatal = [this](const Error& error) {
        trace_.note("server.fatal", "server", error.description);
        crash(PowerLoss::process);
        scheduler_.after(kBootAgain, [this] { boot(); });
    };
    auto store = mailbox::LogStore::open(process->table, process->store_loop, clock_,
                                         std::move(options), Logger(log_));
    if (!store) {
        trace_.note("server.no_store", "server", store.error().description);
        return false;
    }
    process->store = std::move(*store);
    std::vector<server::Node::Place> places;
    for (const auto& loop : process->loops) {
        const Duration latest = random_.chance(0.5) ? kLatestReading : Duration::zero();
        places.push_back({loop.get(), std::make_unique<LateStore>(process->store->door(*loop),
                                                                  *loop, random_.next(), latest)});
    }
    process->door = process->store->door(*process->loops.front());
    horizon_ = process->door->dedupe_horizon();
    server::Application application{options_.application, {options_.secret}};
    process->node =
        std::make_unique<server::Node>(options_.node, std::vector{std::move(application)},
                                       std::move(places), clock_, process->entropy, Logger(log_));
    std::vector<SimNetwork::Listener> listeners;
    for (std::size_t i = 0; i < process->loops.size(); ++i) {
        listeners.push_back({process->loops[i].get(), &process->node->channels(i)});
    }
    network_.listen(std::move(listeners));
    process_ = std::move(process);
    trace_.note("server.start", "server");
    return true;
}

void SimServer::crash(PowerLoss how) {
    ++starts_;
    if (!running()) {
        return;
    }
    ending_ = true;
    trace_.note("server.crash", "server", how == PowerLoss::machine ? "power" : "process");
    last_store_time_ = process_->door->now();
    network_.listen({});
    network_.end_server(how == PowerLoss::machine);
    process_->table.stop();
    scheduler_.next([this] { tear_down(); });
}

void SimServer::tear_down() {
    if (process_ == nullptr) {
        return;
    }
    network_.listen({});
    commits_ += process_->table.commits();
    process_->node.reset();
    process_->door.reset();
    process_->store.reset();
    process_->table.stop();
    for (const auto& loop : process_->loops) {
        loop->shut_down();
    }
    process_->store_loop.shut_down();
    process_.reset();
    ending_ = false;
}

void SimServer::drain(Duration down) {
    if (!running()) {
        return;
    }
    trace_.note("server.drain", "server");
    process_->loops.front()->post([this, down] {
        if (ending_) {
            return;
        }
        network_.listen({});
        process_->node->drain([this, down] {
            process_->store->drain([this, down] {
                if (ending_) {
                    return;
                }
                last_store_time_ = process_->door->now();
                ending_ = true;
                const std::uint64_t start = ++starts_;
                scheduler_.next([this] { tear_down(); });
                scheduler_.after(down, [this, start] {
                    if (start == starts_) {
                        boot();
                    }
                });
            });
        });
    });
}

void SimServer::lose_epoch() {
    disk_.lose_epoch(Epoch(fmt::format("epoch-{}", ++epochs_)));
}

void SimServer::restore(SimDisk::Contents copy) {
    disk_.restore(std::move(copy), Epoch(fmt::format("epoch-{}", ++epochs_)));
}

WallTime SimServer::store_time() {
    if (running()) {
        last_store_time_ = process_->door->now();
    }
    return last_store_time_;
}

}  // namespace parley::sim
