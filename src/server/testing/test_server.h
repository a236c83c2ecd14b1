#pragma once

#include "base/random.h"
#include "io/testing/manual_loop.h"
#include "mailbox/log_store.h"
#include "mailbox/memory_table.h"
#include "server/node.h"
#include "server/testing/faulty_store.h"
#include "server/testing/test_device.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace parley::server {

class SeededEntropy final : public io::Entropy {
  public:
    std::string bytes(std::size_t count) override {
        std::string bytes;
        while (bytes.size() < count) {
            bytes.push_back(static_cast<char>(random_.below(256)));
        }
        return bytes;
    }

  private:
    Random random_{7};
};

// A whole server on a disk in memory and on time that stands still: the real Node, LogStore and
// sessions. The disk outlives stop() and start(), as it does a crash.
class TestServer {
  public:
    explicit TestServer(std::size_t loop_count = 1) : wall(store_loop) {
        for (std::size_t i = 0; i < loop_count; ++i) {
            loops.push_back(std::make_unique<io::ManualLoop>());
        }
        start();
    }
    ~TestServer() { stop(); }

    NodeOptions options;
    mailbox::LogStoreOptions store_options;
    io::ManualLoop store_loop;
    std::vector<std::unique_ptr<io::ManualLoop>> loops;
    io::ManualWallClock wall;
    SeededEntropy entropy;
    mailbox::MemoryDisk disk;
    FaultyStore::Switches store;  // of all doors
    std::unique_ptr<mailbox::MemoryTable> table;
    std::unique_ptr<mailbox::LogStore> log_store;
    std::unique_ptr<mailbox::Store> door;  // the test's own, on the first loop
    std::unique_ptr<Node> node;
    std::vector<TestDevice*> devices;

    void start() {
        table = std::make_unique<mailbox::MemoryTable>(disk, store_loop);
        mailbox::LogStoreOptions opened;
        opened.quota_pending_bytes = store_options.quota_pending_bytes;
        opened.hold_for_unknown = store_options.hold_for_unknown;
        log_store =
            mailbox::LogStore::open(*table, store_loop, wall, std::move(opened), Logger(null_log()))
                .value();
        std::vector<Node::Place> places;
        for (auto& loop : loops) {
            places.push_back(
                {loop.get(), std::make_unique<FaultyStore>(log_store->door(*loop), *loop, store)});
        }
        door = log_store->door(*loops.front());
        node = std::make_unique<Node>(options,
                                      std::vector<Application>{{kTestApplication, {kTestSecret}}},
                                      std::move(places), wall, entropy, Logger(null_log()));
    }
    // Like kill -9: what is not durable is lost, and nobody hears a word.
    void stop() {
        node.reset();
        door.reset();
        log_store.reset();
        table.reset();
        store_loop.drop_pending();
        for (auto& loop : loops) {
            loop->drop_pending();
        }
    }
    // With the present options.
    void restart() {
        stop();
        start();
    }

    // Everything that happens within this time, devices included.
    void run(Duration span = 200ms) {
        const Instant end = store_loop.now() + span;
        while (true) {
            while (turn()) {
            }
            Instant next = end;
            for (const io::ManualLoop* loop : all_loops()) {
                next = std::min(next, loop->next_timer().value_or(end));
            }
            for (io::ManualLoop* loop : all_loops()) {
                loop->run_until(next);
            }
            if (next >= end && !turn()) {
                return;
            }
        }
    }

    std::string token(const std::string& user, const std::string& device = "",
                      std::chrono::seconds life = 3600s) {
        protocol::TokenClaims claims;
        claims.application = kTestApplication;
        claims.user = UserId(user);
        if (!device.empty()) {
            claims.device = DeviceId(device);
        }
        claims.expires_at = wall.now() + life;
        claims.issued_at = std::min(wall.now(), claims.expires_at - 1s);
        claims.nonce = "n";
        return protocol::sign_token(claims, kTestSecret).value();
    }

    wire::Hello hello(const TestDevice& device, bool messaging = true) {
        wire::Hello hello;
        hello.token = token(device.user);
        hello.device_id = DeviceId(device.device);
        hello.cursor = device.cursor;
        hello.supports_messaging = messaging;
        hello.sdk = "test/1";
        return hello;
    }

    // Connects without a word.
    void dial(TestDevice& device, std::size_t loop = 0) {
        if (std::find(devices.begin(), devices.end(), &device) == devices.end()) {
            devices.push_back(&device);
        }
        node->channels(loop).on_channel(device.connect());
    }
    void open(TestDevice& device, std::size_t loop = 0, bool messaging = true) {
        dial(device, loop);
        device.send(hello(device, messaging));
        run();
    }
    void submit(TestDevice& device, const wire::Submit& submit) {
        device.send(submit);
        run();
    }

    std::int64_t metric(Metric metric) const { return node->metrics()[metric]; }
    mailbox::Head head(const std::string& user) {
        std::optional<mailbox::Head> head;
        door->head({kTestApplication, UserId(user)}, [&](auto result) { head = result.value(); });
        run(1ms);
        return head.value();
    }

    // One turn of each loop. False: nothing was ready.
    bool turn() {
        bool ran = false;
        for (io::ManualLoop* loop : all_loops()) {
            ran = loop->run_turn() || ran;
        }
        for (TestDevice* device : devices) {
            ran = device->take_frames() || ran;
        }
        return ran;
    }

  private:
    std::vector<io::ManualLoop*> all_loops() {
        std::vector<io::ManualLoop*> all{&store_loop};
        for (auto& loop : loops) {
            all.push_back(loop.get());
        }
        return all;
    }
};

}  // namespace parley::server
