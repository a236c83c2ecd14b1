#pragma once

#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "io/acceptor.h"
#include "io/loop.h"
#include "mailbox/store.h"
#include "server/authenticator.h"
#include "server/deadlines.h"
#include "server/message_log.h"
#include "server/metrics.h"
#include "server/node.h"
#include "server/readiness.h"
#include "server/receipts.h"
#include "server/router.h"
#include "server/session.h"
#include "server/users.h"
#include "server/watches.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace parley::server {

// What the loops of a node have in common. Constant once its loops run, but for `draining`.
struct NodeCommon {
    NodeOptions options;
    Logger log;
    std::atomic<bool> draining{false};
    Probes probes;
    // The sum over all loops. Any thread.
    Metrics::Values metrics() const;
    std::vector<std::unique_ptr<class NodeLoop>> loops;
};

// A node's part on one loop: its sessions, and the users who are at home there. All calls on that
// loop, but for post() and those that say so.
class NodeLoop final : public io::ChannelHandler {
  public:
    NodeLoop(NodeCommon& common, std::uint32_t index, io::Loop& loop,
             std::unique_ptr<mailbox::Store> store, Authenticator authenticator,
             std::uint64_t seed);
    ~NodeLoop() override;

    void on_channel(std::unique_ptr<io::Channel> channel) override;
    // Adds the sessions that fit, `most` at most in all.
    void add_sessions(const SessionFilter& filter, std::size_t most, SessionList& list);
    // Says this Goodbye to the sessions that fit; how many.
    std::size_t end_sessions(const SessionFilter& filter, const Error& error);
    // Tokens are checked against these from now on, and the sessions of others end.
    void set_applications(const std::shared_ptr<const Applications>& applications);
    // Says Goodbye to all; `done` when nothing is left here.
    void drain(Task done);

    // ---- across loops
    using Visit = UniqueFunction<void(NodeLoop&)>;
    // Runs `visit` on the loop where the user is at home: at once if it is this one. In the order
    // of the calls.
    void at_home(const MailboxId& mailbox, Visit visit);
    bool is_home(const MailboxId& mailbox) const;
    void visit(std::uint32_t loop, Visit visit);
    // Runs the task on this loop unless the node has gone. Any thread.
    void post(Task task);

    // ---- for the sessions
    Session* find(std::uint64_t number);
    // settle() will be called at the end of the turn.
    void touch(std::uint64_t number);
    // wake() will be called at this time.
    void wake_at(Instant when, std::uint64_t number) { deadlines_.add(when, number); }
    // It has proved who it is, or is over.
    void forget_stranger(std::uint64_t number) { strangers_.erase(number); }
    std::string new_session_id();
    // A share of the time over which reconnecting clients are spread.
    std::chrono::milliseconds spread();

    const NodeCommon& common() const { return common_; }
    const NodeOptions& options() const { return common_.options; }
    const protocol::ServerSessionOptions& session_options(wire::Encoding encoding) const {
        return encoding == wire::Encoding::json ? json_sessions_ : proto_sessions_;
    }
    const RateLimit& rate_limit() const { return rate_limit_; }
    std::uint32_t index() const { return index_; }
    io::Loop& loop() { return loop_; }
    mailbox::Store& store() { return *store_; }
    const Authenticator& authenticator() const { return authenticator_; }
    Watches& watches() { return watches_; }
    Router& router() { return router_; }
    Users& users() { return users_; }
    Receipts& receipts() { return receipts_; }
    Readiness& readiness() { return readiness_; }
    Metrics& metrics() { return metrics_; }
    const MessageLog& messages() const { return messages_; }

  private:
    void end_turn();
    void request_end_of_turn();
    void check_drained();
    bool has_place_for_stranger();

    NodeCommon& common_;
    const std::uint32_t index_;
    const protocol::ServerSessionOptions proto_sessions_;
    const protocol::ServerSessionOptions json_sessions_;
    const RateLimit rate_limit_;
    io::Loop& loop_;
    std::unique_ptr<mailbox::Store> store_;
    Authenticator authenticator_;
    Random random_;
    // Tasks that other loops, or the end of a turn, still hold see through it that the node has
    // gone.
    std::shared_ptr<bool> alive_;
    Metrics metrics_;
    const MessageLog messages_;
    Watches watches_;
    Router router_;
    Users users_;
    Receipts receipts_;
    Readiness readiness_;
    Deadlines deadlines_;

    std::unordered_map<std::uint64_t, Session> sessions_;
    std::uint64_t last_number_ = 0;
    // Sessions without an accepted Hello, since when, in the order in which they
    // came.
    std::map<std::uint64_t, Instant> strangers_;
    std::vector<std::uint64_t> touched_;
    std::vector<std::vector<Visit>> outgoing_;  // by loop: one post per turn
    bool end_of_turn_requested_ = false;
    Task drained_;
    io::Timer drain_check_;
    bool receipts_drained_ = false;
};

}  // namespace parley::server
