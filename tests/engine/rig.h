#pragma once

#include "adapters/sqlite/sqlite_store.h"
#include "adapters/sqlite/testing/memory_vfs.h"
#include "client/engine.h"
#include "client/testing/faulty_store.h"
#include "scripted_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace parley::client {

class CountingEntropy final : public io::Entropy {
  public:
    std::string bytes(std::size_t count) override {
        std::string bytes(count, '\0');
        for (char& byte : bytes) {
            byte = static_cast<char>(
                state_ = state_ * 6364136223846793005ull + 1442695040888963407ull, state_ >> 56);
        }
        return bytes;
    }

  private:
    std::uint64_t state_ = 1;
};

// An engine on the real SQLite store over a disk in memory, with a scripted server at the other
// end, and an app that writes down what it hears. Time stands still until the test moves it.
class EngineRig : public testing::Test, public EngineObserver {
  protected:
    using Words = std::vector<std::string>;

    EngineRig() {
        dialer_.accept_with([this](auto channel) { server_.accept(std::move(channel)); });
        options_.application = ApplicationKey("app");
        options_.user = UserId("alice");
        options_.target.url = "ws://test";
        options_.target.subprotocol = std::string(wire::kProtoSubprotocol);
    }
    ~EngineRig() override { crash(); }

    // ---- the process
    void launch() {
        auto opened = sqlite::open_sqlite_store({"disk", disk_.name()}, Logger(null_log()));
        ASSERT_TRUE(opened) << opened.error().description;
        sqlite_ = std::move(*opened);
        store_ = std::make_unique<FaultyStore>(*sqlite_);
        engine_ = std::make_unique<Engine>(options_, *store_, loop_, dialer_, wall_, entropy_,
                                           *this, Logger(null_log()));
        auto device = engine_->open();
        ASSERT_TRUE(device) << device.error().description;
    }
    void begin() {
        launch();
        engine_->set_token("token");
        engine_->start();
        loop_.run_ready();
    }
    // The process is killed; the disk keeps what was synced, or written when the store closed.
    void crash() {
        engine_.reset();
        store_.reset();
        sqlite_.reset();
        disk_.lose_power();
        taken_.clear();
    }
    // The same, and nothing that was not synced before is written while it goes.
    void lose_power() {
        disk_.drop_writes(true);
        crash();
    }
    void restart() {
        crash();
        begin();
    }

    // ---- the app
    static OutgoingDraft draft(const std::string& id, std::vector<std::string> to = {"bob"}) {
        OutgoingDraft draft;
        draft.id = MessageId(id);
        for (std::string& user : to) {
            draft.recipients.emplace_back(std::move(user));
        }
        draft.text = "text of " + id;
        return draft;
    }
    // Words of the outcome, once it is known: "ok" or the error's code.
    void send(OutgoingDraft outgoing) {
        const std::string id = outgoing.id.value();
        engine_->send(std::move(outgoing), [this, id](Result<void> done) {
            returned_[id] = done ? 0 : static_cast<int>(done.error().code);
        });
    }
    void send_now(OutgoingDraft outgoing) {
        send(std::move(outgoing));
        loop_.run_ready();
    }
    void send_copy(const std::string& id, const std::string& original,
                   std::vector<std::string> to = {"bob"}) {
        OutgoingDraft copy = draft(id, std::move(to));
        auto key = engine_->copy_key(MessageId(original));
        ASSERT_TRUE(key);
        copy.key = *key;
        send_now(std::move(copy));
    }
    bool inherits(const std::string& original) {
        auto key = engine_->copy_key(MessageId(original));
        return key && key->has_value();
    }
    // Takes what is due without marking it.
    std::vector<Callback> take() {
        std::vector<Callback> all;
        while (true) {
            auto some = engine_->next_callbacks(100);
            EXPECT_TRUE(some);
            if (!some || some->empty()) {
                return all;
            }
            all.insert(all.end(), some->begin(), some->end());
        }
    }
    // What the app hears now, in words; each callback returns at once.
    Words heard() {
        Words words;
        for (const Callback& callback : take()) {
            words.push_back(say(callback));
            engine_->callback_done(callback.id);
        }
        loop_.advance(std::chrono::milliseconds(30));
        return words;
    }
    static std::string say(const Callback& callback) {
        if (const auto* in = std::get_if<IncomingDue>(&callback.due)) {
            return "incoming " + in->message.id.value();
        }
        if (const auto* s = std::get_if<SentDue>(&callback.due)) {
            return "sent " + s->message.id.value() + ">" + s->recipient.value();
        }
        if (const auto* d = std::get_if<DeliveredDue>(&callback.due)) {
            return "delivered " + d->message.value() + ">" + d->recipient.value();
        }
        const auto& failed = std::get<FailedDue>(callback.due);
        std::string words = "failed " + failed.message.id.value();
        for (const RecipientFailure& failure : failed.failures) {
            words += " " + failure.recipient.value() + ":" +
                     std::to_string(static_cast<int>(failure.error.code));
        }
        return words;
    }
    std::vector<std::string> outbox() {
        std::vector<std::string> ids;
        auto entries = engine_->outbox(Order(), 1000);
        for (const Entry& entry : *entries) {
            ids.push_back(entry.message.id.value());
        }
        return ids;
    }
    Phase phase() const { return engine_->state().phase; }
    // Lets time pass, the server's pings included.
    void pass(Duration span) {
        const Instant end = loop_.now() + span;
        while (loop_.now() < end) {
            loop_.advance(std::min<Duration>(std::chrono::seconds(20), end - loop_.now()));
            server_.keep_alive();
            server_.tick();
            loop_.run_ready();
        }
    }

    // ---- EngineObserver
    void on_started(const UserId& user, const DeviceId& device) override {
        events_.push_back("started " + user.value());
        device_ = device;
    }
    void on_state(const ConnectionState& state) override { states_.push_back(state); }
    void on_failed(const Error& error, Finality finality) override {
        events_.push_back(std::string(finality == Finality::final ? "final " : "failed ") +
                          std::to_string(static_cast<int>(error.code)));
        last_error_ = error;
    }
    void on_token_needed(TokenReason reason) override {
        constexpr const char* kNames[] = {"missing", "ends_soon", "refused"};
        events_.push_back(std::string("token ") + kNames[static_cast<int>(reason)]);
        if (token_answer_) {
            engine_->set_token(*token_answer_);
        }
    }
    void on_callbacks_due() override { ++due_said_; }
    void on_inbox(InboxState state) override {
        events_.push_back(state == InboxState::full ? "inbox full" : "inbox has room");
    }
    Words events() { return std::exchange(events_, {}); }

    io::ManualLoop loop_;
    io::ManualWallClock wall_{loop_};
    CountingEntropy entropy_;
    io::PairDialer dialer_{loop_};
    ScriptedServer server_{loop_};
    sqlite::MemoryVfs disk_{"engine"};
    EngineOptions options_;

    std::unique_ptr<LocalStore> sqlite_;
    std::unique_ptr<FaultyStore> store_;
    std::unique_ptr<Engine> engine_;

    std::map<std::string, int> returned_;  // outcome of send, 0: taken
    Words events_;
    std::vector<ConnectionState> states_;
    std::optional<std::string> token_answer_;
    Error last_error_;
    DeviceId device_;
    int due_said_ = 0;
    std::vector<Callback> taken_;
};

}  // namespace parley::client
