#include "sdk/testing/recording.h"
#include "sdk/testing/temporary_folder.h"

#include <atomic>
#include <deque>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::chrono_literals;
using sdk::testing::Recording;
using sdk::testing::TemporaryFolder;

// Clients whose server cannot be reached: nobody listens on port 1. A retry window that ends at
// once gives callbacks all the same (R10).
class Clients : public testing::Test {
  protected:
    ClientOptions options() {
        ClientOptions result;
        result.application_key = "app";
        result.application_secret = "c2VjcmV0";
        result.user_id = "alice";
        result.server = "ws://127.0.0.1:1";
        result.store_folder = folder_.path() + "/store";
        return result;
    }
    ClientOptions impatient() {
        ClientOptions result = options();
        result.retry_window = 1ms;
        return result;
    }
    static std::unique_ptr<Client> open(ClientOptions options) {
        auto client = Client::create(std::move(options));
        EXPECT_TRUE(client) << client.error().description;
        EXPECT_TRUE((*client)->set_support_messaging(true));
        return *std::move(client);
    }
    static MessageClient& messages(const std::unique_ptr<Client>& client) {
        return **client->message_client();
    }
    static OutgoingMessage text(const std::string& text) {
        return *OutgoingMessage::message_with_recipient("bob", text);
    }
    static void attach(const std::unique_ptr<Client>& client, Recording& recording) {
        client->set_delegate(&recording);
        messages(client).set_delegate(&recording);
    }

    TemporaryFolder folder_;
};

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

TEST_F(Clients, CallNothingBeforeTheStartAndAfterTermination) {
    Recording app;
    const auto client = open(impatient());
    attach(client, app);
    ASSERT_TRUE(messages(client).send_message(text("early")));
    EXPECT_TRUE(app.lines().empty());
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(app.wait_for("failed early"));
    client->terminate();
    const std::size_t before = app.lines().size();
    EXPECT_EQ(client->connection().state, ConnectionState::stopped);
    EXPECT_EQ(messages(client).send_message(text("x")).error().code, ErrorCode::wrong_state);
    EXPECT_EQ(app.lines().size(), before);
    ASSERT_TRUE(client->start());
    EXPECT_TRUE(messages(client).send_message(text("again")));
    EXPECT_TRUE(app.wait_for("failed again"));
}

TEST_F(Clients, LetEventsWaitForADelegateOverARestart) {
    {
        const auto client = open(impatient());
        ASSERT_TRUE(client->start());
        ASSERT_TRUE(messages(client).send_message(text("unheard")));
        EXPECT_TRUE(client->terminate_gracefully(20s));
    }
    Recording app;
    const auto client = open(options());
    ASSERT_TRUE(client->start());
    messages(client).set_delegate(&app);
    EXPECT_TRUE(app.wait_for("failed unheard"));
}

TEST_F(Clients, CountACallbackThatThrowsAsDone) {  // R8
    {
        Recording app;
        std::atomic<int> criticals = 0;
        ClientOptions chosen = impatient();
        chosen.log = [&](const LogRecord& record) {
            criticals += record.severity == LogSeverity::critical ? 1 : 0;
        };
        const auto client = open(chosen);
        attach(client, app);
        app.inside = [](const std::string& line) {
            if (line.starts_with("failed one")) {
                throw std::runtime_error("the app's bug");
            }
            if (line.starts_with("failed two")) {
                throw 7;
            }
        };
        ASSERT_TRUE(client->start());
        ASSERT_TRUE(messages(client).send_message(text("one")));
        ASSERT_TRUE(app.wait_for("failed one"));
        ASSERT_TRUE(messages(client).send_message(text("two")));
        ASSERT_TRUE(messages(client).send_message(text("three")));
        ASSERT_TRUE(app.wait_for("failed three"));
        client->terminate();
        EXPECT_EQ(criticals, 2);
    }
    Recording app;
    const auto client = open(impatient());
    attach(client, app);
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("next")));
    ASSERT_TRUE(app.wait_for("failed next"));
    EXPECT_EQ(app.count("failed "), 1u);
}

TEST_F(Clients, TellWhatWasNotToldBeforeTheEndInTheNextRun) {  // R8
    constexpr int kMessages = 40;
    int heard = 0;
    {
        Recording app;
        auto client = open(impatient());
        attach(client, app);
        std::promise<void> third;
        std::atomic<int> calls = 0;
        app.inside = [&](const std::string& line) {
            if (line.starts_with("failed ") && ++calls == 3) {
                third.set_value();
            }
        };
        ASSERT_TRUE(client->start());
        for (int i = 0; i < kMessages; ++i) {
            ASSERT_TRUE(messages(client).send_message(text("m")));
        }
        third.get_future().wait();
        client.reset();
        heard = static_cast<int>(app.count("failed "));
    }
    Recording app;
    const auto client = open(impatient());
    attach(client, app);
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("last")));
    ASSERT_TRUE(app.wait_for("failed last"));
    EXPECT_EQ(app.count("failed m") + static_cast<std::size_t>(heard), std::size_t{kMessages});
}

TEST_F(Clients, MayBeDestroyedInsideACallback) {
    Recording app;
    std::promise<void> destroyed;
    auto client = open(impatient());
    attach(client, app);
    app.inside = [&](const std::string& line) {
        if (!line.starts_with("failed ")) {
            return;
        }
        client.reset();
        destroyed.set_value();
    };
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("end")));
    destroyed.get_future().wait();
    // The call that destroyed it counts as done (R8).
    Recording second;
    const auto next = open(impatient());
    attach(next, second);
    ASSERT_TRUE(next->start());
    ASSERT_TRUE(messages(next).send_message(text("next")));
    ASSERT_TRUE(second.wait_for("failed next"));
    EXPECT_EQ(second.count("failed "), 1u);
}

TEST_F(Clients, MayBeUsedInsideCallbacks) {
    Recording app;
    const auto client = open(impatient());
    attach(client, app);
    std::atomic<int> round = 0;
    app.inside = [&](const std::string& line) {
        if (!line.starts_with("failed ") || ++round > 3) {
            return;
        }
        const auto copy = OutgoingMessage::message_with_message(app.failed().back());
        EXPECT_TRUE(messages(client).send_message(*copy));
        EXPECT_TRUE(messages(client).outbox());
        EXPECT_NE(client->connection().state, ConnectionState::connected);
        messages(client).set_delegate(&app);
        client->network_changed();
        if (round == 3) {
            client->terminate();
        }
    };
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("again")));
    ASSERT_TRUE(app.wait_for("failed ", 3));
    client->terminate();
    EXPECT_EQ(app.count("failed "), 3u);
}

TEST_F(Clients, LetADelegateGoOnlyWhenNoCallToItRuns) {
    auto client = open(impatient());
    std::promise<void> entered;
    std::promise<void> leave;
    std::atomic<bool> left = false;
    {
        Recording app;
        app.inside = [&](const std::string& line) {
            if (!line.starts_with("failed ")) {
                return;
            }
            entered.set_value();
            leave.get_future().wait();
            left = true;
        };
        messages(client).set_delegate(&app);
        ASSERT_TRUE(client->start());
        ASSERT_TRUE(messages(client).send_message(text("slow")));
        entered.get_future().wait();
        std::thread releasing([&] { leave.set_value(); });
        messages(client).set_delegate(nullptr);
        EXPECT_TRUE(left);
        releasing.join();
    }
    ASSERT_TRUE(messages(client).send_message(text("nobody hears")));
}

TEST_F(Clients, CallBackInsidePollAlone) {
    Recording app;
    ClientOptions chosen = impatient();
    chosen.callbacks = CallbackMode::poll;
    const auto client = open(chosen);
    attach(client, app);
    const std::thread::id here = std::this_thread::get_id();
    app.inside = [&](const std::string&) {
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_EQ(client->poll(), 0u);  // Not inside a callback.
    };
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("polled")));
    for (int i = 0; i < 100 && app.count("failed ") == 0; ++i) {
        client->poll(200ms);
    }
    EXPECT_EQ(app.count("failed polled"), 1u);
}

// Runs what it is given when it is asked to, on the thread that asks.
class ManualExecutor {
  public:
    Executor executor() {
        return [this](std::function<void()> task) {
            const std::lock_guard lock(mutex_);
            tasks_.push_back(std::move(task));
            changed_.notify_all();
        };
    }
    bool run_one() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, sdk::testing::kPatience, [&] { return !tasks_.empty(); })) {
            return false;
        }
        const auto task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        return true;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
};

TEST_F(Clients, CallBackOnTheExecutorOfTheApp) {
    ManualExecutor executor;
    Recording app;
    ClientOptions chosen = impatient();
    chosen.callbacks = CallbackMode::executor;
    chosen.executor = executor.executor();
    auto client = open(chosen);
    attach(client, app);
    const std::thread::id here = std::this_thread::get_id();
    app.inside = [&](const std::string&) { EXPECT_EQ(std::this_thread::get_id(), here); };
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("executed")));
    while (app.count("failed ") == 0) {
        ASSERT_TRUE(executor.run_one());
    }
    EXPECT_EQ(app.count("failed executed"), 1u);
    // Functions that are left over when the client has gone do nothing.
    ASSERT_TRUE(messages(client).send_message(text("left over")));
    while (messages(client).outbox()->size() > 0) {
        std::this_thread::yield();
    }
    client.reset();
    const std::size_t before = app.lines().size();
    executor.executor()([] {});
    ASSERT_TRUE(executor.run_one());
    EXPECT_EQ(app.lines().size(), before);
}

TEST_F(Clients, MayBeDestroyedInsideACallbackOfTheExecutorAndOfPoll) {
    for (const CallbackMode mode : {CallbackMode::executor, CallbackMode::poll}) {
        ManualExecutor executor;
        Recording app;
        ClientOptions chosen = impatient();
        chosen.callbacks = mode;
        if (mode == CallbackMode::executor) {
            chosen.executor = executor.executor();
        }
        auto client = open(chosen);
        attach(client, app);
        app.inside = [&](const std::string& line) {
            if (line.starts_with("failed ")) {
                client.reset();
            }
        };
        ASSERT_TRUE(client->start());
        ASSERT_TRUE(messages(client).send_message(text("x")));
        while (client != nullptr) {
            if (mode == CallbackMode::poll) {
                client->poll(100ms);
            } else {
                ASSERT_TRUE(executor.run_one());
            }
        }
        EXPECT_EQ(app.count("failed "), 1u);
    }
}

TEST_F(Clients, SurviveAnExecutorThatRunsItsFunctionAtOnce) {
    Recording app;
    std::promise<void> complained;
    std::atomic<bool> said = false;
    ClientOptions chosen = impatient();
    chosen.callbacks = CallbackMode::executor;
    chosen.executor = [](std::function<void()> task) { task(); };
    chosen.log = [&](const LogRecord& record) {
        if (record.area == "executor" && !said.exchange(true)) {
            complained.set_value();
        }
    };
    const auto client = open(chosen);
    attach(client, app);
    ASSERT_TRUE(client->start());
    ASSERT_TRUE(messages(client).send_message(text("x")));
    complained.get_future().wait();
    EXPECT_TRUE(app.lines().empty());
}

TEST_F(Clients, RefuseCallsFromALogCallbackInsteadOfWaitingForEver) {
    std::atomic<MessageClient*> used = nullptr;
    std::promise<ErrorCode> answered;
    std::atomic<bool> asked = false;
    ClientOptions chosen = options();
    chosen.log_from = LogSeverity::trace;
    chosen.log = [&](const LogRecord&) {
        MessageClient* client = used;
        if (client == nullptr || asked.exchange(true)) {
            return;
        }
        answered.set_value(client->send_message(text("from the log")).error().code);
    };
    const auto client = open(chosen);
    used = &messages(client);
    ASSERT_TRUE(client->start());
    auto code = answered.get_future();
    // The session that cannot be had is logged, on the engine's thread.
    ASSERT_EQ(code.wait_for(20s), std::future_status::ready);
    EXPECT_EQ(code.get(), ErrorCode::wrong_state);
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

TEST_F(Clients, MayGoWhileEverythingIsUnderWay) {
    for (int round = 0; round < 20; ++round) {
        Recording app;
        ClientOptions chosen = impatient();
        chosen.store_folder = folder_.path() + "/load";
        auto client = open(chosen);
        attach(client, app);
        ASSERT_TRUE(client->start());
        std::vector<std::thread> senders;
        for (int sender = 0; sender < 3; ++sender) {
            senders.emplace_back([&] {
                for (int i = 0; i < 10; ++i) {
                    (void)messages(client).send_message(text("load"));
                }
            });
        }
        for (std::thread& sender : senders) {
            sender.join();
        }
        client.reset();
        const std::size_t heard = app.lines().size();
        std::this_thread::yield();
        EXPECT_EQ(app.lines().size(), heard);
    }
}

}  // namespace
}  // namespace parley
