#include "tests/sdk/device.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

// The SDK and a real server, over real sockets and disks. One server for all tests, each with users
// of its own; those that kill it bring their own.
namespace parley::testing {
namespace {

using namespace std::chrono_literals;

class SdkAndServer : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<ServerProcess>();
        ASSERT_TRUE(server_->start());
    }
    static void TearDownTestSuite() { server_.reset(); }

    // Names that no other test has.
    std::string user(const std::string& name) const {
        return name + "." + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    }
    // Somebody who can receive, and is not there.
    void enrol(const std::string& name) {
        Device device(*server_, name);
        device.start();
        ASSERT_TRUE(device.wait_for("started"));
    }

    static std::unique_ptr<ServerProcess> server_;
};
std::unique_ptr<ServerProcess> SdkAndServer::server_;

TEST_F(SdkAndServer, AMessageGoesFromThumbToThumb) {  // R2, R3, R5
    Device bob(*server_, user("bob"));
    Device alice(*server_, user("alice"));
    bob.start();
    ASSERT_TRUE(bob.wait_for("started"));
    alice.start();
    auto message = *OutgoingMessage::message_with_recipient(user("bob"), "Hi there! ✓");
    ASSERT_TRUE(message.add_header("value", "key"));
    ASSERT_TRUE(alice.messages().send_message(message));
    ASSERT_TRUE(bob.wait_for("incoming"));
    ASSERT_TRUE(alice.wait_for("delivered " + user("bob") + " " + message.message_id()));

    const Message incoming = bob.incoming()[0];
    EXPECT_EQ(incoming.message_id(), message.message_id());
    EXPECT_EQ(incoming.sender_id(), user("alice"));
    EXPECT_EQ(incoming.recipient_ids(), std::vector<std::string>{user("bob")});
    EXPECT_EQ(incoming.text(), "Hi there! ✓");
    EXPECT_EQ(incoming.headers(), (Headers{{"key", "value"}}));
    ASSERT_TRUE(incoming.timestamp());
    EXPECT_LT(std::chrono::abs(*incoming.timestamp() - std::chrono::system_clock::now()), 1min);
    EXPECT_EQ(alice.count("sent " + user("bob") + ": Hi there! ✓"), 1u);
    EXPECT_TRUE(alice.client().is_started());
    EXPECT_EQ(alice.client().connection().state, ConnectionState::connected);
    EXPECT_TRUE(alice.messages().outbox()->empty());
}

TEST_F(SdkAndServer, MessagesKeepTheirOrder) {  // R6
    constexpr int kMessages = 200;
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.start();
    for (int i = 0; i < kMessages; ++i) {
        alice.send({user("bob")}, std::to_string(i));
    }
    EXPECT_TRUE(alice.wait_for("sent", kMessages));
    Device bob(*server_, user("bob"));
    bob.start();
    ASSERT_TRUE(bob.wait_for("incoming", kMessages));
    for (int i = 0; i < kMessages; ++i) {
        EXPECT_EQ(bob.incoming()[static_cast<std::size_t>(i)].text(), std::to_string(i));
    }
    EXPECT_TRUE(alice.wait_for("delivered", kMessages));
}

TEST_F(SdkAndServer, ARecipientFailsAlone) {  // R4, R13
    enrol(user("bob"));
    {
        // Connected once, never with messaging.
        auto mute = Client::create([&] {
            ClientOptions options = Device(*server_, user("mute")).options;
            options.callbacks = CallbackMode::poll;
            return options;
        }());
        ASSERT_TRUE(mute);
        ASSERT_TRUE((*mute)->start());
        for (int i = 0; i < 200 && !(*mute)->is_started(); ++i) {
            (*mute)->poll(100ms);
        }
        ASSERT_TRUE((*mute)->is_started());
    }
    Device alice(*server_, user("alice"));
    alice.start();
    alice.send({user("nobody"), user("bob"), user("mute")}, "to three");
    ASSERT_TRUE(alice.wait_for("failed to three:"));
    EXPECT_EQ(alice.count("failed to three: " + user("nobody") + "=2000 " + user("mute") + "=2001"),
              1u);
    EXPECT_TRUE(alice.wait_for("sent " + user("bob")));
    EXPECT_EQ(alice.count("failed"), 1u);
}

TEST_F(SdkAndServer, EveryDeviceOfTheSenderIsTold) {  // R2, R3, R18
    Device bob(*server_, user("bob"));
    bob.start();
    ASSERT_TRUE(bob.wait_for("started"));
    Device phone(*server_, user("alice"), user("phone"));
    Device tablet(*server_, user("alice"), user("tablet"));
    phone.start();
    tablet.start();
    ASSERT_TRUE(tablet.wait_for("started"));
    const std::string id = phone.send({user("bob")}, "from the phone");
    for (Device* device : {&phone, &tablet}) {
        EXPECT_TRUE(device->wait_for("sent " + user("bob") + ": from the phone"));
        EXPECT_TRUE(device->wait_for("delivered " + user("bob") + " " + id));
    }
    bob.send({user("alice")}, "back");
    EXPECT_TRUE(phone.wait_for("incoming"));
    EXPECT_TRUE(tablet.wait_for("incoming"));

    // A new device gets the whole history.
    Device late(*server_, user("alice"), user("late"));
    late.start();
    EXPECT_TRUE(late.wait_for("incoming " + user("bob") + ": back"));
    EXPECT_TRUE(late.wait_for("sent " + user("bob") + ": from the phone"));
    EXPECT_TRUE(late.wait_for("delivered " + user("bob") + " " + id));
    for (Device* device : {&phone, &tablet, &late}) {
        EXPECT_EQ(device->count("sent"), 1u);
        EXPECT_EQ(device->count("delivered"), 1u);
        EXPECT_EQ(device->count("incoming"), 1u);
    }
}

TEST_F(SdkAndServer, AMessageToOneselfComesIn) {  // R16
    Device alice(*server_, user("alice"));
    alice.start();
    ASSERT_TRUE(alice.wait_for("started"));
    alice.send({user("alice")}, "note");
    EXPECT_TRUE(alice.wait_for("incoming " + user("alice") + ": note"));
    EXPECT_TRUE(alice.wait_for("delivered"));
    EXPECT_EQ(alice.count("sent"), 1u);
}

TEST_F(SdkAndServer, WhatIsOnItsWayCannotBeCancelled) {  // R25
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.open();
    const std::string early = alice.send({user("bob")}, "no");
    EXPECT_TRUE(alice.messages().cancel(early));
    alice.start();
    const std::string id = alice.send({user("bob")}, "yes");
    ASSERT_TRUE(alice.wait_for("sent " + user("bob") + ": yes"));
    EXPECT_EQ(alice.messages().cancel(id).error().code, ErrorCode::too_late);
    EXPECT_EQ(alice.count("sent"), 1u);
}

TEST_F(SdkAndServer, LoggingOutMakesTheNextOneANewDevice) {  // R18
    Device bob(*server_, user("bob"));
    bob.start();
    ASSERT_TRUE(bob.wait_for("started"));
    Device alice(*server_, user("alice"));
    alice.start();
    alice.send({user("bob")}, "kept by the server");
    ASSERT_TRUE(bob.wait_for("incoming"));
    const std::string first = bob.client().device_id();
    ASSERT_TRUE(bob.client().log_out());
    bob.close();
    bob.start();
    EXPECT_TRUE(bob.wait_for("incoming", 2));
    EXPECT_NE(bob.client().device_id(), first);
}

TEST_F(SdkAndServer, ACopyOfWhatWasNeverSubmittedArrivesOnce) {  // R10, R11
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.options.server = "ws://127.0.0.1:1";
    alice.options.retry_window = 1ms;
    alice.start();
    alice.send({user("bob")}, "again");
    ASSERT_TRUE(alice.wait_for("failed again: " + user("bob") + "=1001"));
    alice.close();
    alice.options = Device(*server_, user("alice")).options;
    alice.start();
    const auto copy = OutgoingMessage::message_with_message(alice.failed()[0]);
    ASSERT_TRUE(copy);
    EXPECT_NE(copy->message_id(), alice.failed()[0].message_id());
    ASSERT_TRUE(alice.messages().send_message(*copy));
    ASSERT_TRUE(alice.wait_for("sent " + user("bob") + ": again"));
    Device bob(*server_, user("bob"));
    bob.start();
    ASSERT_TRUE(bob.wait_for("incoming"));
    ASSERT_TRUE(alice.wait_for("delivered"));
    EXPECT_EQ(bob.count("incoming"), 1u);
}

TEST_F(SdkAndServer, ClientsThatComeAndGoHearEverythingOnce) {  // R7, R8
    constexpr int kMessages = 300;
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.start();
    std::thread sending([&] {
        for (int i = 0; i < kMessages; ++i) {
            alice.send({user("bob")}, std::to_string(i));
        }
    });
    Device bob(*server_, user("bob"));
    std::atomic<int> calls = 0;
    bob.inside = [&](const std::string& line) {
        if (!line.starts_with("incoming")) {
            return;
        }
        ++calls;
        if (calls % 10 == 0) {
            throw std::runtime_error("the app's bug");
        }
    };
    // Destroyed at any moment, callbacks under way included.
    while (calls < kMessages) {
        const int before = calls;
        bob.start();
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (calls < std::min(before + 7, kMessages)) {
            ASSERT_LT(std::chrono::steady_clock::now(), until);
            std::this_thread::yield();
        }
        bob.close();
    }
    sending.join();
    EXPECT_TRUE(alice.wait_for("delivered", kMessages));
    bob.inside = nullptr;
    bob.start();
    alice.send({user("bob")}, "last");
    ASSERT_TRUE(bob.wait_for("incoming " + user("alice") + ": last"));
    std::string heard;
    for (const Message& message : bob.incoming()) {
        heard += message.text() + " ";
    }
    std::string sent;
    for (int i = 0; i < kMessages; ++i) {
        sent += std::to_string(i) + " ";
    }
    EXPECT_EQ(heard, sent + "last ");
}

TEST_F(SdkAndServer, AClientThatKeepsIncomingLeavesItUnread) {
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.start();
    const std::string id = alice.send({user("bob")}, "for later");
    ASSERT_TRUE(alice.wait_for("sent"));
    Device bob(*server_, user("bob"));
    bob.options.keep_incoming = true;
    bob.start();
    // It is confirmed, so it is delivered.
    ASSERT_TRUE(alice.wait_for("delivered " + user("bob") + " " + id));
    bob.send({user("alice")}, "busy");
    ASSERT_TRUE(bob.wait_for("delivered"));
    EXPECT_EQ(bob.count("incoming"), 0u);
    bob.close();
    bob.options.keep_incoming = false;
    bob.start();
    EXPECT_TRUE(bob.wait_for("incoming " + user("alice") + ": for later"));
    EXPECT_EQ(bob.count("delivered"), 1u);
}

TEST_F(SdkAndServer, TwoSessionsOfOneDeviceReplaceEachOther) {  // R24
    Device alice(*server_, user("alice"));
    alice.open();
    alice.close();
    Device copy(*server_, user("alice"), user("copy"));
    std::filesystem::copy(alice.options.store_folder, copy.options.store_folder,
                          std::filesystem::copy_options::recursive);
    alice.start();
    ASSERT_TRUE(alice.wait_for("started"));
    copy.start();
    ASSERT_TRUE(copy.wait_for("started"));
    ASSERT_TRUE(alice.wait_for("replaced"));
    EXPECT_EQ(alice.client().connection().state, ConnectionState::stopped);
    EXPECT_EQ(copy.client().connection().state, ConnectionState::connected);
    // It takes the session back when it is told to.
    alice.start();
    EXPECT_TRUE(alice.wait_for("started", 2));
    EXPECT_TRUE(copy.wait_for("replaced"));
}

TEST_F(SdkAndServer, TokensComeFromTheAppAndAreRenewed) {  // R22
    Device alice(*server_, user("alice"));
    alice.options.application_secret = "";
    std::vector<std::thread> backend;
    alice.token = [&](TokenRequest request) {
        // Later, from another thread, as a backend answers.
        backend.emplace_back([&, request] {
            TokenRequestOptions wanted;
            wanted.application_key = server_->application_key();
            wanted.application_secret = server_->application_secret();
            wanted.user_id = user("alice");
            wanted.time_to_live = 3s;
            request.answer(*sign_token(wanted));
        });
    };
    alice.start();
    ASSERT_TRUE(alice.wait_for("started"));
    // Renewed while the session goes on.
    ASSERT_TRUE(
        alice.wait_for("token " + std::to_string(static_cast<int>(TokenReason::ends_soon)), 2));
    alice.send({user("alice")}, "still here");
    EXPECT_TRUE(alice.wait_for("incoming"));
    EXPECT_EQ(alice.count("connected"), 1u);
    EXPECT_EQ(alice.count("waiting"), 0u);
    alice.close();
    for (std::thread& thread : backend) {
        thread.join();
    }
}

TEST_F(SdkAndServer, AWrongSecretIsRefusedAndSaid) {  // R22
    Device alice(*server_, user("alice"));
    alice.options.application_secret = "d3Jvbmc=";
    alice.start();
    ASSERT_TRUE(alice.wait_for("no session 2002"));
    EXPECT_EQ(alice.client().connection().state, ConnectionState::stopped);
    // The message waits for a session; it does not fail (R14).
    alice.send({user("alice")}, "waits");
    EXPECT_EQ(alice.count("failed"), 0u);
    EXPECT_EQ(alice.messages().outbox()->size(), 1u);
    alice.close();
    alice.options.application_secret = server_->application_secret();
    alice.start();
    EXPECT_TRUE(alice.wait_for("sent " + user("alice") + ": waits"));
}

TEST_F(SdkAndServer, CallbacksComeInPollAndOnAnExecutor) {
    Device bob(*server_, user("bob"));
    std::mutex mutex;
    std::vector<std::function<void()>> tasks;
    bob.options.callbacks = CallbackMode::executor;
    bob.options.executor = [&](std::function<void()> task) {
        const std::lock_guard lock(mutex);
        tasks.push_back(std::move(task));
    };
    const auto run_tasks = [&] {
        std::unique_lock lock(mutex);
        const auto due = std::exchange(tasks, {});
        lock.unlock();
        for (const auto& task : due) {
            task();
        }
    };
    Device alice(*server_, user("alice"));
    alice.options.callbacks = CallbackMode::poll;
    bob.start();
    alice.start();
    const auto until = std::chrono::steady_clock::now() + kPatience;
    const auto both = [&](auto done) {
        while (!done() && std::chrono::steady_clock::now() < until) {
            alice.client().poll(5ms);
            run_tasks();
        }
        EXPECT_TRUE(done());
    };
    both([&] { return bob.count("started") == 1; });
    for (int i = 0; i < 20; ++i) {
        alice.send({user("bob")}, std::to_string(i));
    }
    both([&] { return bob.count("incoming") == 20 && alice.count("delivered") == 20; });
}

TEST_F(SdkAndServer, GracefulTerminationLetsTheOutboxGoOut) {
    enrol(user("bob"));
    Device alice(*server_, user("alice"));
    alice.start();
    for (int i = 0; i < 50; ++i) {
        alice.send({user("bob")}, std::to_string(i));
    }
    EXPECT_TRUE(alice.client().terminate_gracefully(20s));
    EXPECT_TRUE(alice.messages().outbox()->empty());
    alice.start();
    EXPECT_TRUE(alice.wait_for("sent", 50));
}

TEST(SdkAndServerKilled, WhatWasSentArrivesOnceAndInOrder) {  // R1, R6, R7, R8, R9
    constexpr int kMessages = 60;
    ServerProcess server;
    ASSERT_TRUE(server.start());
    Device bob(server, "bob");
    Device alice(server, "alice");
    bob.start();
    ASSERT_TRUE(bob.wait_for("started"));
    alice.start();
    for (int i = 0; i < kMessages; ++i) {
        alice.send({"bob"}, std::to_string(i));
        if (i == 20) {
            server.kill();
        }
        if (i == 30) {
            alice.close();
        }
        if (i == 30) {
            alice.start();
        }
        if (i == 40) {
            ASSERT_TRUE(server.start());
        }
        if (i == 50) {
            server.kill();
        }
    }
    ASSERT_TRUE(server.start());
    alice.client().network_changed();
    bob.client().network_changed();
    ASSERT_TRUE(alice.wait_for("delivered", kMessages));
    ASSERT_TRUE(bob.wait_for("incoming", kMessages));  // recorded before; the app hears it after
    ASSERT_EQ(bob.incoming().size(), std::size_t{kMessages});
    for (int i = 0; i < kMessages; ++i) {
        EXPECT_EQ(bob.incoming()[static_cast<std::size_t>(i)].text(), std::to_string(i));
    }
    EXPECT_EQ(alice.count("sent"), std::size_t{kMessages});
    EXPECT_TRUE(server.stop());
}

}  // namespace
}  // namespace parley::testing
