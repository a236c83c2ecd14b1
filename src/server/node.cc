#include "server/node.h"

#include "base/assert.h"
#include "server/authenticator.h"
#include "server/http.h"
#include "server/node_loop.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <numeric>
#include <tuple>
#include <utility>

namespace parley::server {

namespace {

std::shared_ptr<const Applications> registry_of(std::vector<Application> applications) {
    Applications registry;
    for (Application& application : applications) {
        registry[std::move(application.key)] = std::move(application.secrets);
    }
    return std::make_shared<const Applications>(std::move(registry));
}

// Runs `visit` on each loop, on the first one at once; then `done` on the first.
void visit_all(NodeCommon& common, const std::function<void(NodeLoop&)>& visit, Task done) {
    struct Round {
        std::size_t left;
        Task done;
    };
    auto round = std::make_shared<Round>(Round{common.loops.size(), std::move(done)});
    NodeLoop& first = *common.loops.front();
    for (const auto& loop : common.loops) {
        first.visit(loop->index(), [visit, round, &first](NodeLoop& there) {
            visit(there);
            // In a turn after this one: what this turn sends to other loops is then on its way.
            there.post([round, &first] {
                first.post([round] {
                    if (--round->left == 0) {
                        round->done();
                    }
                });
            });
        });
    }
}

}  // namespace

struct Node::State {
    explicit State(Logger log) : common{{}, log, {}, {}, {}} {}

    NodeCommon common;
    std::vector<std::unique_ptr<HttpSide>> open;
    std::vector<std::unique_ptr<HttpSide>> admin;

    // Of a drain, on the first loop.
    Task drained;
    std::size_t loops_left = 0;
    io::Timer drain_timer;
};

Node::Node(NodeOptions options, std::vector<Application> applications, std::vector<Place> places,
           io::WallClock& clock, io::Entropy& entropy, Logger log)
    : state_(std::make_unique<State>(log)) {
    PARLEY_ASSERT(!places.empty());
    NodeCommon& common = state_->common;
    common.options = std::move(options);
    common.options.limits.dedupe_horizon = places.front().store->dedupe_horizon();
    const auto registry = registry_of(std::move(applications));
    for (Place& place : places) {
        const auto index = static_cast<std::uint32_t>(common.loops.size());
        common.loops.push_back(std::make_unique<NodeLoop>(
            common, index, *place.loop, std::move(place.store),
            Authenticator(registry, common.options.issuer_prefix, clock, log), entropy.seed()));
        NodeLoop& loop = *common.loops.back();
        state_->open.push_back(std::make_unique<HttpSide>(loop, HttpSide::Kind::open));
        state_->admin.push_back(std::make_unique<HttpSide>(loop, HttpSide::Kind::admin));
    }
}

Node::~Node() = default;

io::ChannelHandler& Node::channels(std::size_t index) {
    return *state_->common.loops.at(index);
}

io::RequestHandler& Node::public_requests(std::size_t index) {
    return *state_->open.at(index);
}

io::RequestHandler& Node::admin_requests(std::size_t index) {
    return *state_->admin.at(index);
}

void Node::set_applications(std::vector<Application> applications, Task done) {
    visit_all(
        state_->common,
        [registry = registry_of(std::move(applications))](NodeLoop& loop) {
            loop.set_applications(registry);
        },
        std::move(done));
}

void Node::list_sessions(SessionFilter filter, std::size_t most,
                         UniqueFunction<void(SessionList)> done) {
    // One for each loop, so that none waits for another.
    auto lists = std::make_shared<std::vector<SessionList>>(state_->common.loops.size());
    visit_all(
        state_->common,
        [lists, filter = std::move(filter), most](NodeLoop& loop) {
            loop.add_sessions(filter, most, (*lists)[loop.index()]);
        },
        [lists, most, done = std::move(done)]() mutable {
            SessionList all;
            for (SessionList& list : *lists) {
                all.total += list.total;
                std::move(list.sessions.begin(), list.sessions.end(),
                          std::back_inserter(all.sessions));
            }
            std::sort(all.sessions.begin(), all.sessions.end(),
                      [](const SessionReport& a, const SessionReport& b) {
                          return std::tie(a.user, a.device) < std::tie(b.user, b.device);
                      });
            all.sessions.resize(std::min(most, all.sessions.size()));
            done(std::move(all));
        });
}

void Node::end_sessions(SessionFilter filter, Error error, UniqueFunction<void(std::size_t)> done) {
    NodeCommon& common = state_->common;
    auto ended = std::make_shared<std::vector<std::size_t>>(common.loops.size());
    visit_all(
        common,
        [ended, filter = std::move(filter), error = std::move(error)](NodeLoop& loop) {
            (*ended)[loop.index()] = loop.end_sessions(filter, error);
        },
        [&common, ended, done = std::move(done)]() mutable {
            // What a session had sent to its user's home loop arrives there before a second round.
            visit_all(
                common, [](NodeLoop&) {},
                [ended, done = std::move(done)]() mutable {
                    done(std::accumulate(ended->begin(), ended->end(), std::size_t{0}));
                });
        });
}

void Node::drain(Task done) {
    State& state = *state_;
    state.common.draining.store(true, std::memory_order_relaxed);
    state.drained = std::move(done);
    NodeLoop& first = *state.common.loops.front();
    first.post([&state, &first] {
        state.loops_left = state.common.loops.size();
        const auto finish = [&state] {
            state.drain_timer.reset();
            if (state.drained) {
                std::exchange(state.drained, {})();
            }
        };
        state.drain_timer =
            first.loop().call_at(first.loop().now() + state.common.options.drain_timeout, finish);
        for (const auto& loop : state.common.loops) {
            loop->post([&state, &first, finish, &here = *loop] {
                here.drain([&state, &first, finish] {
                    first.post([&state, finish] {
                        if (--state.loops_left == 0) {
                            finish();
                        }
                    });
                });
            });
        }
    });
}

Metrics::Values Node::metrics() const {
    return state_->common.metrics();
}

void Node::set_probes(Probes probes) {
    state_->common.probes = std::move(probes);
}

std::vector<std::string> check_options(const NodeOptions& options) {
    std::vector<std::string> problems;
    const Limits& limits = options.limits;
    const std::uint64_t smallest = smallest_frame_for(limits);
    if (limits.frame_bytes < smallest) {
        problems.push_back("frame_bytes is " + std::to_string(limits.frame_bytes) +
                           ", but the largest message needs 6 x (text_bytes + header_bytes) + 4 x "
                           "recipient_bytes + 256 x recipients + 16384 = " +
                           std::to_string(smallest));
    }
    if (limits.inflight_bytes < limits.frame_bytes) {
        problems.push_back("inflight_bytes is " + std::to_string(limits.inflight_bytes) +
                           ", less than one frame: frame_bytes is " +
                           std::to_string(limits.frame_bytes));
    }
    if (options.server.rate_per_second != 0 && options.server.rate_burst < limits.recipients) {
        problems.push_back(
            "rate_burst is " + std::to_string(options.server.rate_burst) +
            ", less than the recipients of one message: " + std::to_string(limits.recipients));
    }
    const auto at_least_one = [&](std::uint64_t value, const char* name) {
        if (value == 0) {
            problems.push_back(std::string(name) + " is 0: it must be at least 1");
        }
    };
    at_least_one(limits.recipients, "recipients");
    at_least_one(limits.inflight_submissions, "inflight_submissions");
    at_least_one(limits.unacked_events, "unacked_events");
    at_least_one(limits.unacked_bytes, "unacked_bytes");
    at_least_one(options.server.devices, "devices");
    at_least_one(options.server.sessions, "sessions");
    return problems;
}

}  // namespace parley::server
