#pragma once

#include "sim/checkers/session_checker.h"
#include "sim/checkers/truth.h"
#include "sim/verdict.h"
#include "sim/witness.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace parley::sim {

// What one device was told about one recipient of one message.
struct ToldState {
    bool sent = false;
    bool delivered = false;
    std::optional<ErrorCode> failed;
    std::int64_t failed_ms = 0;  // by the server's clock
};

// A message that an app gave to send(), and what became of it.
struct Written {
    const DeviceTag* device = nullptr;
    std::uint64_t order = 0;  // of the call, on its device
    Duration at{};
    MessageId id;
    std::vector<UserId> recipients;  // distinct
    std::string text;
    std::map<std::string, std::string> headers;
    std::optional<ChainKey> inherited;
    std::set<UserId> able;  // recipients that could receive when send() was called
    bool returned = false;
    bool refused = false;
    bool cancelled = false;
    std::optional<ChainKey> key;       // as callbacks or the truth have shown it
    std::map<UserId, ToldState> told;  // to the device that sent
};

// What one device was told, apart from its own messages.
struct Heard {
    const DeviceTag* device = nullptr;
    // (sender, key) -> what it was
    std::map<std::pair<UserId, ChainKey>, MessageId> incoming;
    Sequence newest;
    // (key, recipient), of messages that other devices of the user sent
    std::map<std::pair<ChainKey, UserId>, ToldState> others;
    std::map<MessageId, ChainKey> key_of;  // as `sent` told it
    std::uint64_t process = 0;             // counts starts
    std::int64_t joined_ms = 0;            // the server's time at the first
    struct Begun {
        Duration at{};
        client::Callback callback;
    };
    // Callbacks begun shortly before a crash: each may come again, the same, once per crash.
    std::map<std::uint64_t, client::Callback> repeatable;
    std::map<std::uint64_t, Begun> this_process;
};

// Writes down what the apps do and are told, and checks every line against those before: nothing
// twice (R8), sent before delivered (R5), failed once and only where it was sent (R4), the right
// content (R8), in order (R6), and nothing before it is durable (R1).
class Journal final : public Witness {
  public:
    struct World {
        std::function<Duration()> now;
        // True if a clock that the device's windows depend on was changed, so that ages mean
        // nothing.
        std::function<bool(const std::string& host)> clock_disturbed;
        // True if the device's disk was made to fail, so that sends may be refused.
        std::function<bool(const std::string& host)> disk_disturbed;
        std::function<WallTime()> store_time;
        Duration retry_window{};
        Duration retention{};
        Duration dedupe_horizon{};
        bool quotas = false;
    };

    Journal(const Truth& truth, const SessionChecker& sessions, Verdict& verdict, World world);

    void add_device(const DeviceTag& device);

    void on_send(const DeviceTag&, const client::OutgoingDraft&) override;
    void on_send_returned(const DeviceTag&, const client::OutgoingDraft&,
                          const Result<void>&) override;
    void on_copy(const DeviceTag&, const MessageId& original,
                 const std::optional<ChainKey>&) override;
    void on_cancelled(const DeviceTag&, const MessageId&) override;
    void on_told(const DeviceTag&, const client::Callback&) override;
    void on_process_start(const DeviceTag&) override;
    void on_process_end(const DeviceTag&, bool crashed) override;

    // In the order of the calls.
    const std::vector<MessageId>& order() const { return order_; }
    const Written& written(const MessageId& id) const { return written_.at(id); }
    const Written* find(const MessageId& id) const;
    const std::vector<Heard>& heard() const { return heard_; }
    // The ids of a chain, in the order of the calls.
    std::vector<const Written*> chain(const ChainKey& key) const;

    struct Counts {
        std::uint64_t messages = 0;
        std::uint64_t recipients = 0;
        std::uint64_t incoming = 0;
        std::uint64_t sent = 0;
        std::uint64_t delivered = 0;
        std::uint64_t failed = 0;
        std::uint64_t copies = 0;
        std::uint64_t inherited = 0;
        std::uint64_t repeated = 0;  // callbacks that came again after a crash
        std::uint64_t cancelled = 0;
    };
    const Counts& counts() const { return counts_; }

  private:
    Heard& heard(const DeviceTag& device) { return heard_[device.index]; }
    // True: this callback was told before, in a process that crashed, and may come again.
    bool is_repeat(Heard& heard, const DeviceTag& device, const client::Callback& callback);
    void told_incoming(Heard& heard, const client::IncomingDue& due);
    void told_sent(Heard& heard, const client::SentDue& due);
    void told_delivered(Heard& heard, const client::DeliveredDue& due);
    void told_failed(Heard& heard, const client::FailedDue& due);
    void check_failure(const Heard& heard, const Written& message,
                       const client::RecipientFailure& failure);
    void learn_key(Heard& heard, const MessageId& id, const ChainKey& key);
    bool same_content(const client::Message& message, const Written& written) const;

    const Truth& truth_;
    const SessionChecker& sessions_;
    Verdict& verdict_;
    World world_;
    std::vector<Heard> heard_;
    std::map<MessageId, Written> written_;
    std::vector<MessageId> order_;
    std::map<ChainKey, std::vector<MessageId>> chains_;  // by every key that an id may have
    Counts counts_;
};

}  // namespace parley::sim
