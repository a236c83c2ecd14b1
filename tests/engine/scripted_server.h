#pragma once

#include "io/testing/channel_pair.h"
#include "io/testing/manual_loop.h"
#include "protocol/server_session.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace parley::client {

// The server's end of an engine under test: the real ServerSession over a connection in memory,
// answering as the test says. Holds one session at a time; a new connection takes the place of the
// old one.
class ScriptedServer final : public io::ChannelObserver {
  public:
    static constexpr std::int64_t kServerStart = 2'000'000'000'000;

    explicit ScriptedServer(io::ManualLoop& loop) : loop_(loop) {}

    // ---- what the test sets
    Limits limits;
    std::string user = "alice";
    Cursor head{Epoch("e1"), Sequence(0)};
    bool accept_cursor = true;
    bool auto_welcome = true;
    bool auto_answer = false;        // accepts every submission for all recipients
    std::int64_t clock_skew_ms = 0;  // what the server's clock has leapt
    Duration token_life = std::chrono::hours(24);
    std::optional<Error> refuse_hello;  // Goodbye instead of Welcome
    bool accept_refresh = true;

    // ---- what the test sees
    struct Session {
        wire::Hello hello;
        std::vector<wire::Submit> submits;
        std::vector<Sequence> acks;
        std::vector<std::string> refreshes;
        bool ended = false;
        std::uint16_t close_code = 0;
    };
    std::vector<Session> sessions;
    Session& last() { return sessions.back(); }
    std::vector<std::string> submitted_ids() const {
        std::vector<std::string> ids;
        for (const wire::Submit& submit : sessions.back().submits) {
            ids.push_back(submit.message.message_id.value());
        }
        return ids;
    }
    bool connected() const { return session_ != nullptr; }
    std::int64_t now_ms() const {
        return kServerStart + clock_skew_ms +
               std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - loop_.start())
                   .count();
    }

    // ---- what the test makes it do
    void accept(std::unique_ptr<io::PairedChannel> channel) {
        channel_ = std::move(channel);
        options_.limits = limits;
        session_ = std::make_unique<protocol::ServerSession>(options_, loop_.now());
        sessions.emplace_back();
        unanswered_.clear();
        channel_->start(*this);
    }
    void welcome() {
        wire::Welcome welcome;
        welcome.user_id = UserId(user);
        welcome.session_id = "s" + std::to_string(sessions.size());
        welcome.head = head;
        const auto& cursor = last().hello.cursor;
        welcome.cursor_accepted = accept_cursor && cursor && cursor->epoch == head.epoch;
        welcome.server_time_ms = now_ms();
        welcome.limits = limits;
        welcome.session_ends_at_ms =
            now_ms() + std::chrono::duration_cast<std::chrono::milliseconds>(token_life).count();
        session_->welcome(welcome, last().hello.supports_messaging, loop_.now() + token_life);
        transmit();
    }
    static wire::RecipientResult accepted(const UserId& recipient, std::int64_t at) {
        return {recipient, false, std::nullopt, at};
    }
    static wire::RecipientResult refused(const std::string& recipient, ErrorCode code) {
        return {UserId(recipient), false, make_error(code, "refused by the script"), 0};
    }
    // Answers the oldest unanswered submission: accepted for all that were open.
    void answer() {
        if (unanswered_.empty()) {
            return;
        }
        const wire::Submit& submit = unanswered_.front();
        std::vector<wire::RecipientResult> results;
        const auto& open = submit.open_recipient_ids.empty() ? submit.message.recipient_ids
                                                             : submit.open_recipient_ids;
        for (const UserId& recipient : open) {
            results.push_back(accepted(recipient, now_ms()));
        }
        answer_with(std::move(results));
    }
    void answer_with(std::vector<wire::RecipientResult> results) {
        wire::SubmitResult result;
        result.message_id = unanswered_.front().message.message_id;
        result.recipients = std::move(results);
        unanswered_.pop_front();
        session_->answer(result);
        transmit();
    }
    void answer_with(Error error) {
        wire::SubmitResult result;
        result.message_id = unanswered_.front().message.message_id;
        result.error = std::move(error);
        unanswered_.pop_front();
        session_->answer(result);
        transmit();
    }
    std::size_t unanswered() const { return unanswered_.size(); }

    Sequence incoming(const std::string& sender, const std::string& id,
                      const std::string& text = "hi", const std::string& key = "") {
        wire::Message message;
        message.message_id = MessageId(id);
        message.sender_id = UserId(sender);
        message.recipient_ids = {UserId(user)};
        message.text = text;
        message.key = ChainKey(key.empty() ? id : key);
        return deliver(wire::encode_incoming(message), wire::encode_body(message));
    }
    Sequence sent(const std::string& id, const std::string& key,
                  std::vector<std::pair<std::string, std::int64_t>> accepted,
                  const std::string& text = "") {
        wire::Sent event;
        event.message.message_id = MessageId(id);
        event.message.sender_id = UserId(user);
        event.message.key = ChainKey(key);
        event.message.text = text;
        event.origin_device_id = DeviceId("some");
        for (auto& [recipient, at] : accepted) {
            event.recipient_ids.emplace_back(recipient);
            event.message.recipient_ids.emplace_back(recipient);
            event.recipient_accepted_at_ms.push_back(at);
        }
        return deliver(wire::encode_sent(event), wire::encode_body(event.message));
    }
    Sequence delivered(const std::string& id, const std::string& key, const std::string& recipient,
                       std::int64_t accepted_at) {
        return deliver(
            wire::encode_delivered({MessageId(id), UserId(recipient), ChainKey(key), accepted_at}),
            "");
    }
    void move_cursor(std::uint64_t through) {
        sequence_ = through;
        session_->deliver({}, Sequence(through));
        transmit();
    }
    // Lets the session look at the time: the token's end, keep-alive.
    void tick() {
        if (session_ != nullptr) {
            session_->tick(loop_.now());
            transmit();
        }
    }
    void goodbye(ErrorCode code, std::chrono::milliseconds reconnect_after = {}) {
        if (session_ == nullptr) {
            return;
        }
        session_->goodbye(make_error(code, "said by the script"), reconnect_after);
        transmit();
    }
    void cut() {
        if (channel_ != nullptr) {
            channel_->cut();
        }
    }
    void close(std::uint16_t code) {
        if (channel_ != nullptr) {
            channel_->close(code, "closed by the script");
        }
    }
    void go_silent() { channel_->go_silent(); }
    // A frame as it is, past the session's own sense.
    void write_raw(const wire::ServerFrame& frame) { write_raw(wire::encode(frame)); }
    void write_raw(const Bytes& bytes) {
        channel_->begin(bytes.size());
        channel_->append(as_bytes(bytes));
        channel_->end();
    }
    void keep_alive() {
        if (channel_ != nullptr) {
            channel_->ping();
        }
    }

    // ---- io::ChannelObserver
    void on_message(BytesView message) override {
        (void)session_->receive(message, loop_.now());
        drain();
    }
    void on_alive() override { session_->alive(loop_.now()); }
    void on_room() override { transmit(); }
    void on_end(const io::ChannelEnd& end) override {
        last().ended = true;
        last().close_code = end.code;
        unanswered_.clear();
        session_.reset();
        channel_.reset();
    }

  private:
    Sequence deliver(const Bytes& stored, const Bytes& body) {
        if (session_ == nullptr) {
            return Sequence();
        }
        const Sequence sequence(++sequence_);
        auto event = wire::RenderedEvent::make(sequence, wall_time_from_ms(now_ms()), stored, body);
        const std::vector<std::shared_ptr<wire::RenderedEvent>> events = {*event};
        session_->deliver(events, sequence);
        transmit();
        return sequence;
    }
    void transmit() {
        if (session_ == nullptr || channel_ == nullptr) {
            return;
        }
        session_->transmit(*channel_);
        drain_outputs();
        if (session_->finished()) {
            channel_->close(close_code_, "");
        }
    }
    void drain() {
        drain_outputs();
        transmit();
    }
    void drain_outputs() {
        using Server = protocol::ServerSession;
        while (auto output = session_->next_output()) {
            if (auto* hello = std::get_if<Server::HelloReceived>(&*output)) {
                last().hello = hello->hello;
                greet();
            } else if (auto* submit = std::get_if<Server::Submitted>(&*output)) {
                last().submits.push_back(submit->submit);
                unanswered_.push_back(submit->submit);
                if (auto_answer) {
                    answer();
                }
            } else if (auto* ack = std::get_if<Server::Acknowledged>(&*output)) {
                last().acks.push_back(ack->sequence);
            } else if (auto* refresh = std::get_if<Server::RefreshReceived>(&*output)) {
                last().refreshes.push_back(refresh->token);
                if (accept_refresh) {
                    session_->refreshed(
                        now_ms() + std::chrono::duration_cast<std::chrono::milliseconds>(token_life)
                                       .count(),
                        loop_.now() + token_life);
                } else {
                    session_->goodbye(make_error(ErrorCode::not_authenticated, "refused"));
                }
            } else if (auto* ended = std::get_if<Server::Ended>(&*output)) {
                close_code_ = ended->close_code;
            }
        }
    }
    void greet() {
        if (refuse_hello) {
            session_->goodbye(*refuse_hello);
        } else if (auto_welcome) {
            welcome();
        }
    }

    io::ManualLoop& loop_;
    std::unique_ptr<io::PairedChannel> channel_;
    protocol::ServerSessionOptions options_;  // of session_
    std::unique_ptr<protocol::ServerSession> session_;
    std::deque<wire::Submit> unanswered_;
    std::uint64_t sequence_ = 0;
    std::uint16_t close_code_ = 0;
};

}  // namespace parley::client
