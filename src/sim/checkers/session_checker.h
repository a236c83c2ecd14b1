#pragma once

#include "base/limits.h"
#include "sim/checkers/truth.h"
#include "sim/sim_network.h"
#include "sim/verdict.h"
#include "wire/frames.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace parley::sim {

// Reads the frames of every session, as a listener between client and server would, and holds them
// against the truth: what is said is durable (R1), nobody is sent more than the windows allow
// (R20), nothing past retention (R17), nothing that is another's (R23).
class SessionChecker final : public NetworkTap {
  public:
    struct World {
        // True if the device's store would still have this message in its outbox, as submitted,
        // after a power loss now (R1, R25).
        std::function<bool(const std::string& host, const MessageId&)> submission_is_durable;
        // True if the device's store would know this cursor even after a power loss now (R1).
        std::function<bool(const std::string& host, const Cursor&)> cursor_is_durable;
        std::function<WallTime()> store_time;
        // A frame that says something to the other side has left, or ("acknowledged") an Ack is
        // about to be read: a place to cut the power.
        std::function<void(const std::string& host, End end, const char* frame)> said;
    };

    SessionChecker(Truth& truth, Verdict& verdict, Limits limits, World world);

    void connected(std::uint64_t link, const std::string& host) override;
    void written(std::uint64_t link, const std::string& host, End end, BytesView frame) override;
    void reading(std::uint64_t link, const std::string& host, End end, BytesView frame) override;
    void overrun(std::uint64_t link, const std::string& host, End end, std::size_t bytes) override;

    // When a device of the user was first welcomed, and with messaging; from then on the user
    // exists for others (R13).
    bool welcomed(const UserId& user) const { return welcomed_.contains(user); }
    bool welcomed_with_messaging(const UserId& user) const { return messaging_.contains(user); }
    // The server's time when the key first came to it, if it did.
    std::optional<std::int64_t> first_submitted_ms(const ChainKey& key) const;
    std::uint64_t frames() const { return frames_; }
    std::uint64_t sessions() const { return sessions_opened_; }

  private:
    struct Outstanding {
        MessageId message;
        ChainKey key;
        std::size_t bytes = 0;
    };
    struct Unacknowledged {
        Sequence sequence;
        std::size_t bytes = 0;
    };
    struct Session {
        UserId user;
        bool messaging = false;
        std::string epoch;
        bool cursor_accepted = false;
        std::optional<Cursor> hello_cursor;
        Sequence last_sent;
        std::deque<Outstanding> at_client;  // written by the client, not answered yet
        std::size_t client_bytes = 0;
        std::deque<Outstanding> at_server;  // read by the server, not answered yet
        std::deque<Unacknowledged> events;
        std::size_t event_bytes = 0;
    };

    void client_writes(Session& session, const std::string& host, BytesView frame);
    void server_reads(Session& session, const std::string& host, BytesView frame);
    void server_writes(Session& session, const std::string& host, BytesView frame);
    void client_reads(Session& session, BytesView frame);
    void welcome(Session& session, const wire::Welcome& welcome);
    void answer(Session& session, const std::string& host, const wire::SubmitResult& result);
    void events(Session& session, const std::string& host, const wire::Events& events);
    void event(const Session& session, const std::string& host, const wire::Event& event);

    Truth& truth_;
    Verdict& verdict_;
    Limits limits_;
    World world_;
    std::map<std::uint64_t, Session> sessions_;
    std::set<UserId> welcomed_;
    std::set<UserId> messaging_;
    std::map<ChainKey, std::int64_t> first_submitted_ms_;
    std::uint64_t frames_ = 0;
    std::uint64_t sessions_opened_ = 0;
};

}  // namespace parley::sim
