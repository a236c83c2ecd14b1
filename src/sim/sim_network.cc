#include "sim/sim_network.h"

#include "sim/sim_link.h"

#include <utility>

namespace parley::sim {
namespace {

// A connection attempt. Owned by the handle that the caller holds; events on their way know it
// weakly, so that an attempt that was given up, or whose process has ended, is never answered.
struct Attempt {
    io::Dialer::Done done;
    SimLoop* loop;
    io::Timer timeout;
};

class SimDial final : public io::Dial {
  public:
    explicit SimDial(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}

  private:
    std::shared_ptr<Attempt> attempt_;
};

// Answers on the caller's loop, once.
void answer(const std::shared_ptr<Attempt>& attempt, Result<std::unique_ptr<io::Channel>> result) {
    attempt->loop->post([weak = std::weak_ptr(attempt), result = std::move(result)]() mutable {
        const auto alive = weak.lock();
        if (alive == nullptr || !alive->done) {
            return;
        }
        alive->timeout.reset();
        const auto done = std::make_shared<io::Dialer::Done>(std::move(alive->done));
        (*done)(std::move(result));
    });
}

}  // namespace

class SimDialer final : public io::Dialer {
  public:
    SimDialer(SimNetwork& network, std::string host, SimLoop& loop)
        : network_(network), host_(std::move(host)), loop_(loop) {}

    std::unique_ptr<io::Dial> dial(const io::DialTarget& target, Done done) override {
        auto attempt = std::make_shared<Attempt>(Attempt{std::move(done), &loop_, {}});
        const std::weak_ptr weak = attempt;
        attempt->timeout = loop_.call_at(loop_.now() + target.connect_timeout, [weak] {
            if (const auto alive = weak.lock()) {
                answer(alive, unexpected(make_error(ErrorCode::timed_out, "connecting timed out")));
            }
        });
        network_.scheduler_.after(network_.delay(), [&network = network_, host = host_, weak] {
            if (const auto alive = weak.lock()) {
                arrived(network, host, alive);
            }
        });
        return std::make_unique<SimDial>(std::move(attempt));
    }

  private:
    static void arrived(SimNetwork& network, const std::string& host,
                        const std::shared_ptr<Attempt>& attempt) {
        const Reach reach = network.reach(host);
        if (reach == Reach::blackhole) {
            return;  // The timeout answers.
        }
        const std::weak_ptr weak = attempt;
        if (reach == Reach::refused || network.listeners_.empty()) {
            network.trace_.note("net.refused", host);
            network.scheduler_.after(network.delay(), [weak] {
                if (const auto alive = weak.lock()) {
                    answer(alive, unexpected(make_error(ErrorCode::connection_refused,
                                                        "connection refused")));
                }
            });
            return;
        }
        const auto [link, channel] = network.connect(host, *attempt->loop);
        network.scheduler_.after(network.delay(), [weak, channel] {
            if (const auto alive = weak.lock()) {
                answer(alive, std::move(*channel));
            }
        });
    }

    SimNetwork& network_;
    std::string host_;
    SimLoop& loop_;
};

SimNetwork::SimNetwork(Scheduler& scheduler, NetworkOptions options, std::uint64_t seed,
                       Trace& trace)
    : scheduler_(scheduler), options_(options), random_(seed), trace_(trace) {}

SimNetwork::~SimNetwork() = default;

void SimNetwork::listen(std::vector<Listener> listeners) {
    listeners_ = std::move(listeners);
    next_listener_ = 0;
}

std::unique_ptr<io::Dialer> SimNetwork::dialer(std::string host, SimLoop& loop) {
    return std::make_unique<SimDialer>(*this, std::move(host), loop);
}

std::pair<std::shared_ptr<Link>, SimNetwork::HeldChannel> SimNetwork::connect(
    const std::string& host, SimLoop& client) {
    const Listener& listener = listeners_[next_listener_++ % listeners_.size()];
    auto link = std::make_shared<Link>(*this, ++last_link_, host, client, *listener.loop);
    links_.emplace(link->id(), link);
    hosts_[host];
    trace_.note("net.connected", host);
    if (tap_ != nullptr) {
        tap_->connected(link->id(), host);
    }
    // The handler outlives the tasks of its loop: a process takes its objects down with the loop at
    // rest.
    listener.loop->post(
        [handler = listener.handler, channel = link->make_channel(End::server)]() mutable {
            handler->on_channel(std::move(channel));
        });
    // Shared by the event that carries it, so that an attempt given up meanwhile drops the
    // connection.
    auto held = std::make_shared<std::unique_ptr<io::Channel>>(link->make_channel(End::client));
    return {std::move(link), std::move(held)};
}

void SimNetwork::forget(std::uint64_t link) {
    links_.erase(link);
}

std::vector<std::shared_ptr<Link>> SimNetwork::links_of(const std::string& host) const {
    std::vector<std::shared_ptr<Link>> found;
    for (const auto& [id, link] : links_) {
        if (link->host() == host) {
            found.push_back(link);
        }
    }
    return found;
}

Duration SimNetwork::delay() {
    const auto jitter = static_cast<std::uint64_t>(options_.jitter.count());
    // Now and then a packet is lost and sent again.
    const Duration resent = random_.chance(0.01) ? Duration(200'000) : Duration{};
    return options_.latency + Duration(random_.below(jitter + 1)) + resent;
}

void SimNetwork::set_reach(const std::string& host, Reach reach) {
    hosts_[host].reach = reach;
    if (reach == Reach::open) {
        for (const auto& link : links_of(host)) {
            link->pump_both();
        }
    }
}

Reach SimNetwork::reach(const std::string& host) const {
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? Reach::open : found->second.reach;
}

std::size_t SimNetwork::cut(const std::string& host) {
    const auto links = links_of(host);
    for (const auto& link : links) {
        link->cut();
    }
    return links.size();
}

std::size_t SimNetwork::half_open(const std::string& host) {
    const auto links = links_of(host);
    for (const auto& link : links) {
        link->half_open();
    }
    return links.size();
}

void SimNetwork::end_process(const std::string& host, End end, bool power_lost) {
    for (const auto& link : links_of(host)) {
        link->mute(end);
        if (power_lost) {
            link->silence(end);
        }
    }
}

void SimNetwork::end_server(bool power_lost) {
    for (const auto& [name, host] : hosts_) {
        end_process(name, End::server, power_lost);
    }
}

void SimNetwork::slow_reader(const std::string& host, End end, Duration gap) {
    hosts_[host].gap[static_cast<int>(end)] = gap;
}

void SimNetwork::heal() {
    for (auto& [name, host] : hosts_) {
        host = {};
        for (const auto& link : links_of(name)) {
            link->pump_both();
        }
    }
}

}  // namespace parley::sim
