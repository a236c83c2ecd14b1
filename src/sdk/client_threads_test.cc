#include "sdk/testing/clients.h"

#include <atomic>
#include <deque>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::chrono_literals;
using sdk::testing::Recording;

class ClientThreads : public sdk::testing::Clients {};

TEST_F(ClientThreads, CallNothingBeforeTheStartAndAfterTermination) {
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

TEST_F(ClientThreads, LetEventsWaitForADelegateOverARestart) {
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

TEST_F(ClientThreads, CountACallbackThatThrowsAsDone) {  // R8
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

TEST_F(ClientThreads, TellWhatWasNotToldBeforeTheEndInTheNextRun) {  // R8
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

TEST_F(ClientThreads, MayBeDestroyedInsideACallback) {
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

TEST_F(ClientThreads, MayBeUsedInsideCallbacks) {
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

TEST_F(ClientThreads, LetADelegateGoOnlyWhenNoCallToItRuns) {
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

TEST_F(ClientThreads, CallBackInsidePollAlone) {
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

TEST_F(ClientThreads, CallBackOnTheExecutorOfTheApp) {
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

TEST_F(ClientThreads, MayBeDestroyedInsideACallbackOfTheExecutorAndOfPoll) {
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

TEST_F(ClientThreads, SurviveAnExecutorThatRunsItsFunctionAtOnce) {
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

TEST_F(ClientThreads, RefuseCallsFromALogCallbackInsteadOfWaitingForEver) {
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

TEST_F(ClientThreads, MayGoWhileEverythingIsUnderWay) {
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
