#pragma once

#include "client/local_store.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// What the conformance suite of client::LocalStore works with.
namespace parley::client {

// Where stores live: the same store again at each open(), after the one before was destroyed.
class StoreWorld {
  public:
    virtual ~StoreWorld() = default;
    virtual std::unique_ptr<LocalStore> open() = 0;
};
struct StoreWorldParam {
    std::string name;
    std::function<std::unique_ptr<StoreWorld>()> make;
};

class LocalStoreConformance : public testing::TestWithParam<StoreWorldParam> {
  protected:
    static constexpr std::int64_t kServer =
        1'000'000'000;  // the server's clock when elapsed time is 0
    static constexpr std::int64_t kDay = 86'400'000;

    void SetUp() override {
        world_ = GetParam().make();
        reopen();
    }
    void reopen() {
        store_.reset();
        store_ = world_->open();
        ASSERT_NE(store_, nullptr);
        auto facts = store_->bind(binding());
        ASSERT_TRUE(facts) << facts.error().description;
        facts_ = *facts;
    }
    static Binding binding() {
        return {ApplicationKey("app"), UserId("alice"), std::nullopt, DeviceId("fresh"), 500};
    }
    StoreClock clock() const { return {now_, 500 + now_, kServer + now_}; }
    Turn turn() const {
        Turn turn;
        turn.clock = clock();
        return turn;
    }
    TurnOutcome commit(const Turn& turn) {
        auto outcome = store_->commit(turn);
        EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().description);
        return outcome ? *outcome : TurnOutcome();
    }

    static Message outgoing(const std::string& id, std::vector<std::string> to,
                            const std::string& key = "") {
        Message message;
        message.id = MessageId(id);
        message.key = ChainKey(key.empty() ? id : key);
        message.sender = UserId("alice");
        for (std::string& user : to) {
            message.recipients.emplace_back(std::move(user));
        }
        message.text = "text of " + id;
        message.headers = {{"h", "v"}};
        message.created_at_ms = 42;
        return message;
    }
    DraftOutcome enqueue(const Message& message,
                         std::optional<std::int64_t> void_before = std::nullopt) {
        Turn t = turn();
        t.drafts.push_back({message, false, void_before});
        const TurnOutcome outcome = commit(t);
        return outcome.drafts.empty() ? DraftOutcome() : outcome.drafts[0];
    }
    void submitted(Order order) {
        Turn t = turn();
        t.submitted.push_back(order);
        commit(t);
    }
    static RecipientAnswer accepted(const std::string& user, std::int64_t at) {
        return {UserId(user), std::nullopt, at};
    }
    static RecipientAnswer refused(const std::string& user, ErrorCode code) {
        return {UserId(user), make_error(code, "refused"), 0};
    }
    void answer(const std::string& id, std::vector<RecipientAnswer> recipients) {
        Turn t = turn();
        t.answers.push_back({MessageId(id), std::move(recipients), std::nullopt});
        commit(t);
    }
    void event(std::variant<IncomingEvent, SentEvent, DeliveredEvent> kind, std::int64_t at = 0) {
        Turn t = turn();
        t.events.push_back({at != 0 ? at : kServer + now_, std::move(kind)});
        commit(t);
    }
    static SentEvent sent(const Message& message,
                          std::vector<std::pair<std::string, std::int64_t>> to) {
        SentEvent event{message, {}};
        for (auto& [user, at] : to) {
            event.accepted.push_back({UserId(user), at});
        }
        return event;
    }
    static DeliveredEvent delivered(const std::string& key, const std::string& to,
                                    std::int64_t accepted_at = 7) {
        return {ChainKey(key), UserId(to), accepted_at};
    }
    static Message from(const std::string& sender, const std::string& id) {
        Message message = outgoing(id, {"alice"});
        message.sender = UserId(sender);
        return message;
    }

    std::vector<Callback> due() {
        auto callbacks = store_->callbacks(CallbackId(), 10'000, 100'000'000);
        EXPECT_TRUE(callbacks);
        return callbacks ? *callbacks : std::vector<Callback>();
    }
    // What is due, in words: "sent m1>bob@7", and marks it done.
    std::vector<std::string> told() {
        std::vector<std::string> words;
        Turn t = turn();
        for (const Callback& callback : due()) {
            words.push_back(say(callback));
            t.done.push_back(callback.id);
        }
        commit(t);
        return words;
    }
    static std::string say(const Callback& callback) {
        if (const auto* in = std::get_if<IncomingDue>(&callback.due)) {
            return "incoming " + in->message.id.value() + "<" + in->message.sender.value();
        }
        if (const auto* s = std::get_if<SentDue>(&callback.due)) {
            return "sent " + s->message.id.value() + ">" + s->recipient.value() + "@" +
                   std::to_string(s->message.accepted_at_ms);
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
    std::vector<Entry> entries() {
        auto entries = store_->entries(Order(), 1000, 100'000'000);
        EXPECT_TRUE(entries);
        return entries ? *entries : std::vector<Entry>();
    }
    CopyFacts copy_facts(const std::string& id) {
        auto facts = store_->copy_facts(MessageId(id));
        EXPECT_TRUE(facts && *facts);
        return facts && *facts ? **facts : CopyFacts();
    }
    using Words = std::vector<std::string>;

    std::unique_ptr<StoreWorld> world_;
    std::unique_ptr<LocalStore> store_;
    StoreFacts facts_;
    std::int64_t now_ = 1000;
};

}  // namespace parley::client
