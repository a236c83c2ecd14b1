#include "sdk/testing/clients.h"

#include <atomic>
#include <filesystem>
#include <future>

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::chrono_literals;
using sdk::testing::Clients;
using sdk::testing::Recording;

TEST_F(Clients, RefuseOptionsThatCannotWork) {
    const auto refused = [&](auto change) {
        ClientOptions changed = options();
        change(changed);
        const auto client = Client::create(std::move(changed));
        return client ? std::string() : client.error().description;
    };
    EXPECT_NE(refused([](auto& o) { o.application_key = ""; }).find("application_key"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.application_key = "a/b"; }).find("application_key"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.user_id = "a b"; }).find("user_id"), std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.device_id = "a.b"; }).find("device_id"), std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.application_secret = "?"; }).find("application_secret"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.ca_file = "/nonexistent.pem"; }).find("ca_file"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.callbacks = CallbackMode::executor; }).find("executor"),
              std::string::npos);
    EXPECT_FALSE(refused([](auto& o) { o.server = "http://x"; }).empty());
    EXPECT_FALSE(refused([](auto& o) { o.retry_window = 0ms; }).empty());
}

TEST_F(Clients, HaveNoMessageClientUnlessMessagingIsEnabled) {  // R15
    auto client = *Client::create(options());
    const auto refused = client->message_client();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::wrong_state);
    EXPECT_TRUE(client->set_support_messaging(true));
    ASSERT_TRUE(client->message_client());
    EXPECT_EQ(*client->message_client(), *client->message_client());
    // Too late to change.
    EXPECT_EQ(client->set_support_messaging(false).error().code, ErrorCode::wrong_state);
    EXPECT_TRUE(client->set_support_messaging(true));
}

TEST_F(Clients, KeepAStoreToThemselves) {
    const auto client = open(options());
    const auto second = Client::create(options());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::store_in_use);
}

TEST_F(Clients, KnowTheirDeviceAgainAndRefuseAForeignStore) {
    const std::string device = open(options())->device_id();
    EXPECT_FALSE(device.empty());
    EXPECT_EQ(open(options())->device_id(), device);
    ClientOptions other = options();
    other.user_id = "bob";
    EXPECT_EQ(Client::create(other).error().code, ErrorCode::store_foreign);
    other = options();
    other.device_id = "another";
    EXPECT_EQ(Client::create(other).error().code, ErrorCode::store_foreign);
}

TEST_F(Clients, KeepWhatWasSentOverARestart) {  // R1
    std::string id;
    {
        const auto client = open(options());
        const OutgoingMessage message = text("first");
        id = message.message_id();
        ASSERT_TRUE(messages(client).send_message(message));
        ASSERT_TRUE(messages(client).send_message(text("second")));
    }
    const auto client = open(options());
    const auto outbox = messages(client).outbox();
    ASSERT_TRUE(outbox);
    ASSERT_EQ(outbox->size(), 2u);
    EXPECT_EQ((*outbox)[0].message_id, id);
    EXPECT_EQ((*outbox)[0].text, "first");
    EXPECT_EQ((*outbox)[0].open_recipient_ids, std::vector<std::string>{"bob"});
    EXPECT_FALSE((*outbox)[0].submitted);
    EXPECT_GT((*outbox)[0].retried_until, (*outbox)[0].queued_at + 11h);
    EXPECT_EQ((*outbox)[1].text, "second");
    EXPECT_EQ(messages(client).outbox(1)->size(), 1u);
}

TEST_F(Clients, SendAMessageObjectOnce) {  // R11
    const auto client = open(options());
    OutgoingMessage message = text("once");
    const OutgoingMessage same = message;
    ASSERT_TRUE(messages(client).send_message(message));
    EXPECT_TRUE(same.is_sent());
    EXPECT_EQ(messages(client).send_message(same).error().code, ErrorCode::message_stale);
    EXPECT_EQ(message.add_header("v", "k").error().code, ErrorCode::message_stale);
    const auto copy = OutgoingMessage::message_with_message(message);
    ASSERT_TRUE(copy);
    EXPECT_TRUE(messages(client).send_message(*copy));
    EXPECT_EQ(messages(client).outbox()->size(), 2u);
}

TEST_F(Clients, CancelWhatWasNotSubmitted) {  // R25
    const auto client = open(options());
    const OutgoingMessage message = text("no");
    ASSERT_TRUE(messages(client).send_message(message));
    EXPECT_TRUE(messages(client).cancel(message.message_id()));
    EXPECT_TRUE(messages(client).outbox()->empty());
    EXPECT_EQ(messages(client).cancel(message.message_id()).error().code, ErrorCode::too_late);
}

TEST_F(Clients, FailAMessageWhenItsWindowEnds) {  // R10, R4
    Recording app;
    const auto client = open(impatient());
    attach(client, app);
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(
        *OutgoingMessage::message_with_recipients({"bob", "carol"}, "late")));
    ASSERT_TRUE(app.wait_for("failed "));
    EXPECT_EQ(app.count("failed late: bob=1001 carol=1001"), 1u);
    ASSERT_EQ(app.failed().size(), 1u);
    EXPECT_FALSE(app.failed()[0].timestamp());
    EXPECT_EQ(app.failed()[0].sender_id(), "alice");
    // The way to try again: a copy of what the callback gave.
    const auto copy = OutgoingMessage::message_with_message(app.failed()[0]);
    ASSERT_TRUE(copy);
    EXPECT_TRUE(messages(client).send_message(*copy));
    EXPECT_TRUE(app.wait_for("failed ", 2));
}

TEST_F(Clients, AskTheAppForATokenAndTellWhatItAnswers) {  // R22
    class Asked : public Recording {
      public:
        void requires_token(Client&, TokenRequest request) override {
            EXPECT_EQ(request.reason(), TokenReason::missing);
            if (++times == 1) {
                return;  // Dropped: counts as failing.
            }
            request.fail(make_error(ErrorCode::refused_by_policy, "no more"));
            request.answer("too late");
        }
        std::atomic<int> times = 0;
    };
    Asked app;
    ClientOptions chosen = options();
    chosen.application_secret = "";
    const auto client = open(chosen);
    attach(client, app);
    ASSERT_TRUE(client->start());
    EXPECT_TRUE(app.wait_for("failed_to_start 2002"));
    EXPECT_TRUE(app.wait_for("failed_to_start 5000"));
    EXPECT_FALSE(client->is_started());
    client->terminate();
}

TEST_F(Clients, WithoutSecretAndWithoutRequiresTokenSaySo) {
    Recording app;
    ClientOptions chosen = options();
    chosen.application_secret = "";
    const auto client = open(chosen);
    attach(client, app);
    ASSERT_TRUE(client->start());
    EXPECT_TRUE(app.wait_for("failed_to_start 2002"));
}

TEST_F(Clients, TokenRequestsOutliveTheirClient) {
    class Asked : public Recording {
      public:
        void requires_token(Client&, TokenRequest request) override { kept.set_value(request); }
        std::promise<TokenRequest> kept;
    };
    Asked app;
    ClientOptions chosen = options();
    chosen.application_secret = "";
    auto client = open(chosen);
    attach(client, app);
    ASSERT_TRUE(client->start());
    const TokenRequest request = app.kept.get_future().get();
    client.reset();
    request.answer("nobody wants it");
}

TEST_F(Clients, SayThatTheServerCannotBeReached) {
    Recording app;
    const auto client = open(options());
    attach(client, app);
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(
        app.wait_for("connection " + std::to_string(static_cast<int>(ConnectionState::waiting))));
    const Connection connection = client->connection();
    ASSERT_TRUE(connection.error);
    EXPECT_EQ(connection.error->code, ErrorCode::connection_refused);
    EXPECT_EQ(app.count("failed_to_start"), 0u);
    EXPECT_FALSE(client->is_started());
}

TEST_F(Clients, LogOutErasesTheStore) {
    Recording app;
    auto client = open(options());
    attach(client, app);
    ASSERT_TRUE(messages(client).send_message(text("gone")));
    MessageClient& kept = messages(client);
    const std::string device = client->device_id();
    ASSERT_TRUE(client->log_out());
    EXPECT_FALSE(std::filesystem::exists(client->store_folder()));
    EXPECT_EQ(client->start().error().code, ErrorCode::wrong_state);
    EXPECT_EQ(client->log_out().error().code, ErrorCode::wrong_state);
    EXPECT_EQ(client->message_client().error().code, ErrorCode::wrong_state);
    EXPECT_EQ(kept.send_message(text("x")).error().code, ErrorCode::wrong_state);
    EXPECT_EQ(kept.outbox().error().code, ErrorCode::wrong_state);
    client.reset();
    const auto next = open(options());
    EXPECT_TRUE(messages(next).outbox()->empty());
    EXPECT_NE(next->device_id(), device);
}

}  // namespace
}  // namespace parley
