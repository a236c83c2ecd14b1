#pragma once

#include "client/local_store.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// What every client::LocalStore must do, whatever it is made of. An implementation's test includes
// this file and instantiates LocalStoreConformance with its worlds.
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

// ---- identity and what is remembered

TEST_P(LocalStoreConformance, KeepsTheDeviceItGotFirst) {
    EXPECT_EQ(facts_.device, DeviceId("fresh"));
    EXPECT_FALSE(facts_.cursor);
    EXPECT_EQ(facts_.limits, Limits());
    store_.reset();
    store_ = world_->open();
    Binding again = binding();
    again.fresh_device = DeviceId("another");
    auto facts = store_->bind(again);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->device, DeviceId("fresh"));
}

TEST_P(LocalStoreConformance, BelongsToOneApplicationUserAndDevice) {
    for (int i = 0; i < 3; ++i) {
        Binding other = binding();
        if (i == 0) {
            other.application = ApplicationKey("other");
        } else if (i == 1) {
            other.user = UserId("bob");
        } else {
            other.device = DeviceId("tablet");
        }
        store_.reset();
        store_ = world_->open();
        auto facts = store_->bind(other);
        ASSERT_FALSE(facts);
        EXPECT_EQ(facts.error().code, ErrorCode::store_foreign);
    }
}

TEST_P(LocalStoreConformance, RemembersCursorLimitsAndClocks) {
    Limits limits;
    limits.text_bytes = 100;
    limits.retention = std::chrono::hours(48);
    ASSERT_TRUE(store_->welcomed(limits, clock(), true));
    now_ += 5000;
    Turn t = turn();
    t.cursor = Cursor{Epoch("e1"), Sequence(17)};
    commit(t);
    reopen();
    EXPECT_EQ(facts_.cursor, (Cursor{Epoch("e1"), Sequence(17)}));
    EXPECT_EQ(facts_.limits, limits);
    EXPECT_EQ(facts_.elapsed_ms, 6000);
    EXPECT_EQ(facts_.wall_ms, 6500);
    EXPECT_EQ(facts_.server_offset_ms, kServer);
}

TEST_P(LocalStoreConformance, ForgetsACursorThatIsVoid) {  // R19
    Turn t = turn();
    t.cursor = Cursor{Epoch("e1"), Sequence(17)};
    commit(t);
    ASSERT_TRUE(store_->welcomed(Limits(), clock(), false));
    reopen();
    EXPECT_FALSE(facts_.cursor);
}

// ---- the outbox

TEST_P(LocalStoreConformance, HandsOutEntriesInTheOrderOfSendOverRestarts) {  // R1, R6
    Turn t = turn();
    for (const char* id : {"c", "a", "b"}) {
        t.drafts.push_back({outgoing(id, {"bob", "carol"}), false, std::nullopt});
    }
    const TurnOutcome outcome = commit(t);
    ASSERT_EQ(outcome.drafts.size(), 3u);
    reopen();
    const auto found = entries();
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].message, outgoing("c", {"bob", "carol"}));
    EXPECT_EQ(found[1].message.id, MessageId("a"));
    EXPECT_EQ(found[2].message.id, MessageId("b"));
    EXPECT_EQ(found[0].open, (std::vector<UserId>{UserId("bob"), UserId("carol")}));
    EXPECT_EQ(found[0].order, outcome.drafts[0].order);
    EXPECT_EQ(found[0].queued_elapsed_ms, 1000);
    EXPECT_EQ(found[0].queued_wall_ms, 1500);
    EXPECT_FALSE(found[0].submitted_ms);
    auto later = store_->entries(found[0].order, 1, 1'000'000);
    ASSERT_TRUE(later);
    ASSERT_EQ(later->size(), 1u);
    EXPECT_EQ((*later)[0].message.id, MessageId("a"));
    EXPECT_EQ(store_->entries(Order(), 10, 1)->size(), 1u) << "one always fits the bytes";
}

TEST_P(LocalStoreConformance, NewEntriesComeAfterAllOldOnesAlsoAfterARestart) {  // R6
    enqueue(outgoing("m1", {"bob"}));
    reopen();
    enqueue(outgoing("m0", {"bob"}));
    const auto found = entries();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].message.id, MessageId("m1"));
}

TEST_P(LocalStoreConformance, TakesAMessageOnce) {  // R11
    enqueue(outgoing("m1", {"bob"}));
    const DraftOutcome again = enqueue(outgoing("m1", {"carol"}));
    ASSERT_TRUE(again.error);
    EXPECT_EQ(again.error->code, ErrorCode::message_stale);
    answer("m1", {accepted("bob", 5)});
    EXPECT_TRUE(enqueue(outgoing("m1", {"bob"})).error) << "in any state";
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, MarksTheFirstSubmissionOnly) {  // R9, R25
    const DraftOutcome draft = enqueue(outgoing("m1", {"bob"}));
    submitted(draft.order);
    now_ += 1000;
    submitted(draft.order);
    EXPECT_EQ(entries()[0].submitted_ms, kServer + 1000);
    EXPECT_EQ(entries()[0].chain_submitted_ms, kServer + 1000);
}

TEST_P(LocalStoreConformance, CancelsUntilFirstSubmitted) {  // R25
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}));
    submitted(first.order);
    EXPECT_FALSE(*store_->cancel(MessageId("m1"), clock()));
    EXPECT_TRUE(*store_->cancel(MessageId("m2"), clock()));
    EXPECT_FALSE(*store_->cancel(MessageId("m2"), clock()));
    EXPECT_FALSE(*store_->cancel(MessageId("unknown"), clock()));
    reopen();
    ASSERT_EQ(entries().size(), 1u);
    EXPECT_EQ(entries()[0].message.id, MessageId("m1"));
    EXPECT_TRUE(due().empty()) << "nothing is told to anyone";
}

TEST_P(LocalStoreConformance, FindsWhatIsOverByEitherClock) {  // R9, R10
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    now_ = 2000;
    enqueue(outgoing("m2", {"bob"}));
    submitted(first.order);
    EXPECT_EQ(*store_->oldest_entry(), std::optional<std::int64_t>(1000));
    EXPECT_TRUE(store_->expired({999, std::nullopt}, 10)->empty());
    EXPECT_EQ(*store_->expired({1000, std::nullopt}, 10),
              (std::vector<MessageId>{MessageId("m1")}));
    EXPECT_EQ(store_->expired({2000, std::nullopt}, 10)->size(), 2u);
    EXPECT_EQ(store_->expired({2000, std::nullopt}, 1)->size(), 1u);
    EXPECT_EQ(*store_->expired({0, kServer + 2000}, 10), (std::vector<MessageId>{MessageId("m1")}));
    Turn t = turn();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    t.failures.push_back({MessageId("m2"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    EXPECT_EQ(*store_->oldest_entry(), std::nullopt);
    EXPECT_EQ(told(), (Words{"failed m1 bob:1001", "failed m2 bob:1001"}));
}

// ---- answers and events

TEST_P(LocalStoreConformance, TellsSentOnceForAnswerAndEvent) {  // R2
    enqueue(outgoing("m1", {"bob", "carol"}));
    answer("m1", {accepted("bob", 7), accepted("carol", 8)});
    event(sent(outgoing("m1", {"bob", "carol"}), {{"bob", 7}, {"carol", 8}}));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m1>carol@8"}));
    EXPECT_TRUE(entries().empty());
    event(sent(outgoing("m1", {"bob", "carol"}), {{"bob", 7}}));
    EXPECT_TRUE(due().empty());
}

TEST_P(LocalStoreConformance, TakesTheEventForTheAnswer) {  // R2, R12
    enqueue(outgoing("m1", {"bob"}));
    Message bare = outgoing("m1", {"bob"});
    bare.text.clear();  // as the server may send it to the device that sent
    bare.headers.clear();
    event(sent(bare, {{"bob", 7}}));
    answer("m1", {accepted("bob", 7)});
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    const auto& told_message = std::get<SentDue>(callbacks[0].due).message;
    EXPECT_EQ(told_message.text, "text of m1") << "its own stored content";
    EXPECT_EQ(told_message.headers.size(), 1u);
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, FailsAllRecipientsOfOneMomentInOneCall) {  // R4
    enqueue(outgoing("m1", {"bob", "carol", "dave", "eve"}));
    answer("m1",
           {refused("bob", ErrorCode::recipient_unknown), accepted("carol", 7),
            refused("dave", ErrorCode::no_messaging), refused("eve", ErrorCode::server_error)});
    EXPECT_EQ(told(), (Words{"sent m1>carol@7", "failed m1 bob:2000 dave:2001"}));
    ASSERT_EQ(entries().size(), 1u);
    EXPECT_EQ(entries()[0].open, (std::vector<UserId>{UserId("eve")}))
        << "a passing fault leaves it open";
    answer("m1", {refused("eve", ErrorCode::over_quota)});
    EXPECT_EQ(told(), (Words{"failed m1 eve:4130"}));
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, KeepsTheFailuresErrorAndContent) {  // R4, R12
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {refused("bob", ErrorCode::recipient_unknown)});
    reopen();
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    const auto& failed = std::get<FailedDue>(callbacks[0].due);
    EXPECT_EQ(failed.message, outgoing("m1", {"bob"}));
    EXPECT_EQ(failed.failures[0].error, make_error(ErrorCode::recipient_unknown, "refused"));
}

TEST_P(LocalStoreConformance, FailsTheWholeMessageForItsOwnError) {  // R13, R14
    enqueue(outgoing("m1", {"bob", "carol"}));
    Turn t = turn();
    t.answers.push_back({MessageId("m1"), {}, make_error(ErrorCode::server_error, "later")});
    commit(t);
    EXPECT_EQ(entries().size(), 1u);
    t.answers[0].error = make_error(ErrorCode::invalid_argument, "too long");
    commit(t);
    EXPECT_EQ(told(), (Words{"failed m1 bob:4000 carol:4000"}));
}

TEST_P(LocalStoreConformance, DeliveredImpliesSentWhereTheMessageIs) {  // R5
    enqueue(outgoing("m1", {"bob"}));
    event(delivered("m1", "bob", 7));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
    answer("m1", {accepted("bob", 7)});
    event(sent(outgoing("m1", {"bob"}), {{"bob", 7}}));
    event(delivered("m1", "bob", 7));
    EXPECT_TRUE(due().empty()) << "R8: each once";
    EXPECT_TRUE(entries().empty());
}

TEST_P(LocalStoreConformance, DeliveredWaitsForSentOnOtherDevices) {  // R5
    event(delivered("k1", "bob"), kServer + 50);
    EXPECT_TRUE(due().empty());
    reopen();
    event(sent(outgoing("k1", {"bob", "carol"}), {{"bob", 7}, {"carol", 8}}));
    EXPECT_EQ(told(), (Words{"sent k1>bob@7", "delivered k1>bob", "sent k1>carol@8"}));
    event(delivered("k1", "bob"));
    event(delivered("k1", "carol"));
    EXPECT_EQ(told(), (Words{"delivered k1>carol"}));
}

TEST_P(LocalStoreConformance, OtherDevicesUseTheFirstIdStoredForThePair) {  // R12
    event(sent(outgoing("m1", {"bob", "carol"}, "m1"), {{"bob", 7}}));
    event(sent(outgoing("m2", {"bob", "carol"}, "m1"), {{"bob", 7}, {"carol", 9}}));
    event(delivered("m1", "bob"));
    event(delivered("m1", "carol"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m2>carol@9", "delivered m1>bob",
                             "delivered m2>carol"}));
}

TEST_P(LocalStoreConformance, KnowsIncomingBySenderAndKey) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("carol", "x1")});
    Message copy = from("bob", "x2");
    copy.key = ChainKey("x1");
    event(IncomingEvent{copy});
    reopen();
    event(IncomingEvent{from("bob", "x1")});
    EXPECT_EQ(told(), (Words{"incoming x1<bob", "incoming x1<carol"}));
}

TEST_P(LocalStoreConformance, HandsOutIncomingWithItsContentAndTime) {
    Message message = from("bob", "x1");
    message.recipients = {UserId("alice"), UserId("carol")};
    event(IncomingEvent{message}, 777);
    const auto callbacks = due();
    ASSERT_EQ(callbacks.size(), 1u);
    message.accepted_at_ms = 777;
    EXPECT_EQ(std::get<IncomingDue>(callbacks[0].due).message, message);
}

TEST_P(LocalStoreConformance, OneTurnIsOneTransactionWithItsCursor) {  // R1, R8
    Turn t = turn();
    t.events.push_back({1, IncomingEvent{from("bob", "x1")}});
    t.events.push_back({2, SentEvent{sent(outgoing("k1", {"bob"}), {{"bob", 7}})}});
    t.cursor = Cursor{Epoch("e"), Sequence(9)};
    EXPECT_TRUE(commit(t).callbacks_added);
    EXPECT_FALSE(commit(t).callbacks_added) << "a repeated turn says nothing new";
    reopen();
    EXPECT_EQ(facts_.cursor->sequence, Sequence(9));
    EXPECT_EQ(told(), (Words{"incoming x1<bob", "sent k1>bob@7"}));
}

TEST_P(LocalStoreConformance, CallbacksComeAgainUntilTheyAreMarked) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    event(IncomingEvent{from("bob", "x2")});
    const auto before = due();
    ASSERT_EQ(before.size(), 2u);
    Turn t = turn();
    t.done = {before[0].id, before[0].id, CallbackId(999)};
    commit(t);
    reopen();
    const auto after = due();
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(after[0], before[1]);
    auto none = store_->callbacks(after[0].id, 10, 1000);
    EXPECT_TRUE(none->empty());
}

TEST_P(LocalStoreConformance, CountsWhatIsUnread) {
    EXPECT_EQ(store_->unread_bytes(), 0u);
    Message big = from("bob", "x1");
    big.text = std::string(10'000, 'x');
    event(IncomingEvent{big});
    EXPECT_GE(store_->unread_bytes(), 10'000u);
    const auto unread = store_->unread_bytes();
    reopen();
    EXPECT_EQ(store_->unread_bytes(), unread);
    told();
    EXPECT_EQ(store_->unread_bytes(), 0u);
}

// ---- chains of copies

TEST_P(LocalStoreConformance, AWrongKeyIsNotInherited) {  // R11
    EXPECT_EQ(enqueue(outgoing("m2", {"bob"}, "never-seen")).key, ChainKey("m2"));
}

TEST_P(LocalStoreConformance, SaysWhatDecidesAboutACopy) {  // R11
    const DraftOutcome draft = enqueue(outgoing("m1", {"bob", "carol"}));
    EXPECT_EQ(copy_facts("m1").key, ChainKey("m1"));
    EXPECT_FALSE(copy_facts("m1").all_accepted);
    EXPECT_FALSE(copy_facts("m1").chain_submitted_ms);
    submitted(draft.order);
    answer("m1", {accepted("bob", 7), refused("carol", ErrorCode::recipient_unknown)});
    EXPECT_FALSE(copy_facts("m1").all_accepted);
    EXPECT_EQ(copy_facts("m1").chain_submitted_ms, kServer + 1000);
    event(sent(outgoing("m1", {"bob", "carol"}), {{"carol", 9}}));
    EXPECT_TRUE(copy_facts("m1").all_accepted);
    EXPECT_FALSE(*store_->copy_facts(MessageId("unknown")));
}

TEST_P(LocalStoreConformance, ACopyHearsAtOnceWhatIsKnownAndSubmitsTheRest) {  // R11, R12
    const DraftOutcome first = enqueue(outgoing("m1", {"bob", "carol", "dave"}));
    submitted(first.order);
    now_ += 500;
    answer("m1", {accepted("bob", 7), accepted("carol", 8),
                  refused("dave", ErrorCode::recipient_unknown)});
    event(delivered("m1", "bob"));
    told();
    const DraftOutcome copy = enqueue(outgoing("m2", {"bob", "carol", "dave"}, "m1"));
    EXPECT_EQ(copy.key, ChainKey("m1"));
    EXPECT_EQ(copy.open, (std::vector<UserId>{UserId("dave")}));
    EXPECT_EQ(told(), (Words{"sent m2>bob@7", "delivered m2>bob", "sent m2>carol@8"}));
    EXPECT_EQ(entries()[0].chain_submitted_ms, kServer + 1000) << "the chain's first submission";
    event(delivered("m1", "carol"));
    EXPECT_EQ(told(), (Words{"delivered m1>carol", "delivered m2>carol"}))
        << "every id of the chain";
}

TEST_P(LocalStoreConformance, ACopyOfWhatIsAcceptedForAllLeavesNothingToSubmit) {  // R12
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    submitted(first.order);
    now_ += 1;
    Turn t = turn();  // the copy was made before the answer came
    t.drafts.push_back({outgoing("m2", {"bob"}, "m1"), false, std::nullopt});
    commit(t);
    answer("m1", {accepted("bob", 7)});
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "sent m2>bob@7"}));
    EXPECT_TRUE(entries().empty());
    EXPECT_TRUE(enqueue(outgoing("m3", {"bob"}, "m1")).open.empty());
    EXPECT_EQ(told(), (Words{"sent m3>bob@7"}));
}

TEST_P(LocalStoreConformance, AChainThatIsTooOldIsNotInherited) {  // R11
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    submitted(first.order);
    EXPECT_EQ(enqueue(outgoing("m2", {"bob"}, "m1"), kServer + 999).key, ChainKey("m1"));
    EXPECT_EQ(enqueue(outgoing("m3", {"bob"}, "m1"), kServer + 1000).key, ChainKey("m3"));
}

TEST_P(LocalStoreConformance, TheTruthIsToldAfterAFailure) {  // R12
    enqueue(outgoing("m1", {"bob"}));
    Turn t = turn();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    EXPECT_EQ(told(), (Words{"failed m1 bob:1001"}));
    event(sent(outgoing("m1", {"bob"}), {{"bob", 7}}));
    event(delivered("m1", "bob"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
    commit(t);
    EXPECT_TRUE(due().empty()) << "R4: failed in exactly one call";
}

TEST_P(LocalStoreConformance, ACancelledCopyHearsNothingOfItsChain) {  // R25
    const DraftOutcome first = enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}, "m1"));
    submitted(first.order);
    EXPECT_TRUE(*store_->cancel(MessageId("m2"), clock()));
    answer("m1", {accepted("bob", 7)});
    event(delivered("m1", "bob"));
    EXPECT_EQ(told(), (Words{"sent m1>bob@7", "delivered m1>bob"}));
}

// ---- forgetting

TEST_P(LocalStoreConformance, ForgetsWhatIsOlderThanTheRetention) {  // R8
    event(IncomingEvent{from("bob", "x1")});
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {accepted("bob", 7)});
    event(delivered("m1", "bob"));
    told();
    PruneLimit limit{kServer + 1000 + 30 * kDay - 1, 30 * kDay, 100};
    ASSERT_TRUE(store_->prune(limit));
    event(IncomingEvent{from("bob", "x1")}, kServer + 1000);
    EXPECT_TRUE(due().empty()) << "remembered for the retention";
    EXPECT_TRUE(*store_->copy_facts(MessageId("m1")));
    limit.server_ms += 1;
    ASSERT_TRUE(store_->prune(limit));
    EXPECT_FALSE(*store_->copy_facts(MessageId("m1")));
    event(IncomingEvent{from("bob", "x1")});
    EXPECT_EQ(told(), (Words{"incoming x1<bob"}));
}

TEST_P(LocalStoreConformance, RemembersWhatMayStillBeDeliveredTwiceAsLong) {  // R3, R7
    enqueue(outgoing("m1", {"bob"}));
    answer("m1", {accepted("bob", 7)});
    event(sent(outgoing("k1", {"bob"}), {{"bob", 7}}));
    told();
    ASSERT_TRUE(store_->prune({kServer + 1000 + 59 * kDay, 30 * kDay, 100}));
    event(delivered("m1", "bob"));
    event(delivered("k1", "bob"));
    EXPECT_EQ(told(), (Words{"delivered m1>bob", "delivered k1>bob"}));
}

TEST_P(LocalStoreConformance, ForgetsInSmallSteps) {
    for (int i = 0; i < 25; ++i) {
        event(IncomingEvent{from("bob", "x" + std::to_string(i))});
    }
    const PruneLimit limit{kServer + 40 * kDay, 30 * kDay, 10};
    EXPECT_TRUE(*store_->prune(limit));
    EXPECT_TRUE(*store_->prune(limit));
    EXPECT_FALSE(*store_->prune(limit));
}

TEST_P(LocalStoreConformance, NeverForgetsWhatWaitsOrIsDue) {  // R9, R8
    enqueue(outgoing("m1", {"bob"}));
    enqueue(outgoing("m2", {"bob"}));
    answer("m2", {refused("bob", ErrorCode::recipient_unknown)});
    ASSERT_TRUE(store_->prune({kServer + 100 * kDay, 30 * kDay, 100}));
    EXPECT_EQ(entries().size(), 1u);
    EXPECT_EQ(told(), (Words{"failed m2 bob:2000"}));
}

TEST_P(LocalStoreConformance, DropsADeliveredWhoseSentNeverCame) {  // R5
    event(delivered("k1", "bob"));
    ASSERT_TRUE(store_->prune({kServer + 1000 + 30 * kDay, 30 * kDay, 100}));
    event(sent(outgoing("k1", {"bob"}), {{"bob", 7}}));
    EXPECT_EQ(told(), (Words{"sent k1>bob@7"}));
}

TEST_P(LocalStoreConformance, KeepsWhatEndedBeforeAnyServerForTheRetentionFromTheFirst) {  // R12
    Turn t = turn();
    t.clock.server_ms.reset();
    t.drafts.push_back({outgoing("m1", {"bob"}), false, std::nullopt});
    commit(t);
    t.drafts.clear();
    t.failures.push_back({MessageId("m1"), make_error(ErrorCode::timed_out, "over")});
    commit(t);
    told();
    ASSERT_TRUE(store_->prune({kServer + 100 * kDay, 30 * kDay, 100}));
    EXPECT_TRUE(*store_->copy_facts(MessageId("m1")));
    ASSERT_TRUE(store_->welcomed(Limits(), clock(), true));
    ASSERT_TRUE(store_->prune({kServer + 1000 + 30 * kDay, 30 * kDay, 100}));
    EXPECT_FALSE(*store_->copy_facts(MessageId("m1")));
}

TEST_P(LocalStoreConformance, IsANewStoreAfterErase) {
    enqueue(outgoing("m1", {"bob"}));
    ASSERT_TRUE(store_->erase());
    EXPECT_FALSE(store_->entries(Order(), 1, 1)) << "every later call fails";
    EXPECT_FALSE(store_->commit(turn()));
    store_.reset();
    store_ = world_->open();
    Binding other = binding();
    other.user = UserId("bob");
    auto facts = store_->bind(other);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(entries().empty());
}

}  // namespace parley::client
