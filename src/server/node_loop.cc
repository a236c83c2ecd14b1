#include "server/node_loop.h"

#include <algorithm>
#include <utility>

namespace parley::server {
namespace {

constexpr Duration kDrainCheck = 5ms;
constexpr Duration kPatienceWithStrangers = 3s;

std::size_t home_of(const MailboxId& mailbox, std::size_t loops) {
    return loops == 1 ? 0 : std::hash<MailboxId>{}(mailbox) % loops;
}

}  // namespace

Metrics::Values NodeCommon::metrics() const {
    Metrics::Values sums;
    for (const auto& loop : loops) {
        loop->metrics().add_to(sums);
    }
    return sums;
}

NodeLoop::NodeLoop(NodeCommon& common, std::uint32_t index, io::Loop& loop,
                   std::unique_ptr<mailbox::Store> store, Authenticator authenticator,
                   std::uint64_t seed)
    : common_(common),
      index_(index),
      proto_sessions_{wire::Encoding::proto, common.options.limits,
                      common.options.server.hello_timeout},
      json_sessions_{wire::Encoding::json, common.options.limits,
                     common.options.server.hello_timeout},
      rate_limit_(common.options.server.rate_per_second, common.options.server.rate_burst),
      loop_(loop),
      store_(std::move(store)),
      authenticator_(std::move(authenticator)),
      random_(seed),
      alive_(std::make_shared<bool>(true)),
      messages_(common.log),
      watches_(
          loop, store_->wakes(), [this](std::uint64_t number) { return find(number); }, common.log),
      router_(loop, *store_, common.options.limits, common.options.server, metrics_, common.log),
      users_(loop, *store_, common.options.server,
             {[this](SessionRef session) {
                  metrics_.add(Metric::sessions_replaced);
                  visit(session.loop, [number = session.number](NodeLoop& there) {
                      if (Session* replaced = there.find(number)) {
                          replaced->on_replaced();
                      }
                  });
              },
              [this](const MailboxId& mailbox) { receipts_.leave(mailbox); }}),
      receipts_(loop, *store_, {common.options.mark_delay, common.options.idle_mark_delay},
                metrics_, common.log),
      readiness_(loop, *store_),
      deadlines_(loop, [this](std::uint64_t number) {
          if (Session* session = find(number)) {
              session->wake();
          }
      }) {}

NodeLoop::~NodeLoop() {
    // First those that refer to the parts.
    sessions_.clear();
}

void NodeLoop::on_channel(std::unique_ptr<io::Channel> channel) {
    std::optional<Error> refusal;
    const std::uint32_t most = options().connections_per_loop;
    if (common_.draining.load(std::memory_order_relaxed)) {
        refusal = make_error(ErrorCode::draining, "the server is going down");
    } else if (most != 0 && sessions_.size() >= most) {
        refusal = make_error(ErrorCode::too_many_connections, "the server has all it can hold");
    } else if (!has_place_for_stranger()) {
        refusal = make_error(ErrorCode::too_many_connections,
                             "too many connections that have not said who they are");
    }
    const std::uint64_t number = ++last_number_;
    if (!refusal) {
        strangers_.emplace(number, loop_.now());
    }
    metrics_.add(Metric::connections);
    const auto [place, is_new] = sessions_.try_emplace(number, *this, number, std::move(channel));
    place->second.start(refusal);
}

// An honest client says Hello at once. So when all places are taken by those
// that do not, the oldest gives way, if it has had time enough.
bool NodeLoop::has_place_for_stranger() {
    const std::uint32_t limit = options().server.unauthenticated;
    const auto share = static_cast<std::uint32_t>(common_.loops.size());
    if (limit == 0 || strangers_.size() < std::max(1u, limit / share)) {
        return true;
    }
    const auto [number, since] = *strangers_.begin();
    if (loop_.now() - since < kPatienceWithStrangers) {
        return false;
    }
    find(number)->give_way();
    strangers_.erase(number);
    return true;
}

void NodeLoop::at_home(const MailboxId& mailbox, Visit visit) {
    this->visit(static_cast<std::uint32_t>(home_of(mailbox, common_.loops.size())),
                std::move(visit));
}

bool NodeLoop::is_home(const MailboxId& mailbox) const {
    return home_of(mailbox, common_.loops.size()) == index_;
}

void NodeLoop::visit(std::uint32_t loop, Visit visit) {
    if (loop == index_) {
        return visit(*this);
    }
    if (outgoing_.empty()) {
        outgoing_.resize(common_.loops.size());
    }
    outgoing_[loop].push_back(std::move(visit));
    request_end_of_turn();
}

void NodeLoop::post(Task task) {
    loop_.post([alive = std::weak_ptr<bool>(alive_), task = std::move(task)]() mutable {
        if (!alive.expired()) {
            task();
        }
    });
}

Session* NodeLoop::find(std::uint64_t number) {
    const auto found = sessions_.find(number);
    return found == sessions_.end() ? nullptr : &found->second;
}

void NodeLoop::touch(std::uint64_t number) {
    touched_.push_back(number);
    request_end_of_turn();
}

void NodeLoop::request_end_of_turn() {
    if (std::exchange(end_of_turn_requested_, true)) {
        return;
    }
    loop_.at_turn_end([alive = std::weak_ptr<bool>(alive_), this] {
        if (!alive.expired()) {
            end_turn();
        }
    });
}

void NodeLoop::end_turn() {
    end_of_turn_requested_ = false;
    std::vector<std::uint64_t> numbers;
    numbers.swap(touched_);
    for (const std::uint64_t number : numbers) {
        const auto found = sessions_.find(number);
        if (found == sessions_.end() || found->second.settle()) {
            continue;
        }
        metrics_.add(Metric::connections, -1);
        sessions_.erase(found);
    }
    for (std::size_t loop = 0; loop < outgoing_.size(); ++loop) {
        if (outgoing_[loop].empty()) {
            continue;
        }
        NodeLoop& there = *common_.loops[loop];
        there.post([&there, visits = std::exchange(outgoing_[loop], {})]() mutable {
            for (Visit& visit : visits) {
                visit(there);
            }
        });
    }
}

std::string NodeLoop::new_session_id() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string id;
    for (std::uint64_t bits = random_.next(); id.size() < 16; bits >>= 4) {
        id.push_back(kDigits[bits & 15]);
    }
    return id;
}

std::chrono::milliseconds NodeLoop::spread() {
    const auto most =
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, options().drain_spread.count()));
    return std::chrono::milliseconds(random_.below(most));
}

void NodeLoop::add_sessions(const SessionFilter& filter, std::size_t most, SessionList& list) {
    for (auto& [number, session] : sessions_) {
        if (!session.fits(filter)) {
            continue;
        }
        ++list.total;
        if (list.sessions.size() < most) {
            list.sessions.push_back(session.report());
        }
    }
}

std::size_t NodeLoop::end_sessions(const SessionFilter& filter, const Error& error) {
    std::size_t ended = 0;
    for (auto& [number, session] : sessions_) {
        if (session.fits(filter)) {
            session.end(error);
            ++ended;
        }
    }
    return ended;
}

void NodeLoop::set_applications(const std::shared_ptr<const Applications>& applications) {
    authenticator_.set(applications);
    for (auto& [number, session] : sessions_) {
        if (session.is_of_other_than(*applications)) {
            session.end(make_error(ErrorCode::not_authenticated,
                                   "the application was removed from this server"));
        }
    }
}

void NodeLoop::drain(Task done) {
    drained_ = std::move(done);
    std::vector<std::uint64_t> numbers;
    numbers.reserve(sessions_.size());
    for (auto& [number, session] : sessions_) {
        numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    for (const std::uint64_t number : numbers) {
        find(number)->drain();
    }
    router_.drain();
    check_drained();
}

void NodeLoop::check_drained() {
    if (sessions_.empty() && router_.idle()) {
        if (!std::exchange(receipts_drained_, true)) {
            receipts_.drain();
        }
        if (receipts_.idle()) {
            if (drained_) {
                std::exchange(drained_, {})();
            }
            return;
        }
    }
    drain_check_ = loop_.call_at(loop_.now() + kDrainCheck, [this] { check_drained(); });
}

}  // namespace parley::server
