// The whole server in memory: the real Node, sessions, LogStore and clients' sessions; a table in
// memory and channels that hand over bytes in the place of disk and sockets. What a message costs
// beside the kernel, RocksDB and TLS, clients' side included.
#include "io/testing/channel_pair.h"
#include "io/testing/counting_entropy.h"
#include "io/testing/manual_loop.h"
#include "mailbox/log_store.h"
#include "mailbox/memory_table.h"
#include "operations.h"
#include "protocol/client_session.h"
#include "protocol/token.h"
#include "server/node.h"

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace parley::bench {
namespace {

using protocol::ClientSession;

constexpr const char* kApplication = "a0b1c2d3-e4f5-6789-abcd-ef0123456789";
constexpr const char* kSecret = "c2VjcmV0IHNlY3JldCBzZWNyZXQ=";

std::string user_name(std::size_t number) {
    const std::string digits = std::to_string(number);
    return "user." + std::string(6 - digits.size(), '0') + digits + "@mail.example";
}

// The server's side of the world, on one loop with time that moves to the next timer when there is
// nothing to do.
struct World {
    World() {
        mailbox::LogStoreOptions store_options;
        store_options.quota_pending_bytes = store_options.quota_retained_bytes = 0;
        store_options.on_fatal = [](const Error&) { std::abort(); };
        store = mailbox::LogStore::open(table, loop, clock, std::move(store_options),
                                        Logger(null_log()))
                    .value();
        server::NodeOptions options;
        options.server.rate_per_second = 0;
        std::vector<server::Node::Place> places;
        places.push_back({&loop, store->door(loop)});
        node = std::make_unique<server::Node>(
            options, std::vector<server::Application>{{ApplicationKey(kApplication), {kSecret}}},
            std::move(places), clock, entropy, Logger(null_log()));
    }
    std::string token(std::size_t user) const {
        protocol::TokenClaims claims;
        claims.application = ApplicationKey(kApplication);
        claims.user = UserId(user_name(user));
        claims.issued_at = clock.now();
        claims.expires_at = clock.now() + std::chrono::hours(24);
        claims.nonce = "n";
        return protocol::sign_token(claims, kSecret).value();
    }

    io::ManualLoop loop;
    io::ManualWallClock clock{loop};
    io::CountingEntropy entropy;
    mailbox::MemoryDisk disk;
    mailbox::MemoryTable table{disk, loop};
    std::unique_ptr<mailbox::LogStore> store;
    std::unique_ptr<server::Node> node;
};

// A client without a disk: acknowledges what it hears, once a turn.
class Device final : public io::ChannelObserver {
  public:
    Device(World& world, std::size_t user, std::string token, std::optional<Cursor> cursor = {})
        : world_(world), session_(hello(std::move(token), std::move(cursor)), world.loop.now()) {
        auto [near, far] = io::make_channel_pair(world.loop, std::string(wire::kProtoSubprotocol));
        channel_ = std::move(near);
        channel_->start(*this);
        world.node->channels(0).on_channel(std::move(far));
        session_.transmit(*channel_);
        user_ = user;
    }

    void submit(std::vector<UserId> recipients) {
        wire::Submit submit;
        const std::string digits = std::to_string(user_ * 1'000'000 + ++submitted_);
        submit.message.message_id =
            MessageId("0190a1b2-c3d4-7000-8000-" + std::string(12 - digits.size(), '0') + digits);
        submit.message.recipient_ids = std::move(recipients);
        submit.message.text = std::string(100, 't');
        submit.message.created_at_ms = 1'514'862'245'000;
        session_.submit(submit);
        transmit_soon();
    }
    // Stays connected, hears nothing that it could say something to.
    void keep_silent() { acknowledges_ = false; }
    void close() { channel_->close(io::close_code::kNormal, ""); }

    bool welcomed = false;
    bool ended = false;
    Cursor head;
    std::size_t answered = 0;
    std::size_t incoming = 0;
    std::size_t delivered = 0;

  private:
    static wire::Hello hello(std::string token, std::optional<Cursor> cursor) {
        wire::Hello hello;
        hello.token = std::move(token);
        hello.device_id = DeviceId("0190a1b2-c3d4-7000-8000-0000000000ff");
        hello.cursor = std::move(cursor);
        hello.supports_messaging = true;
        hello.sdk = "parley-bench/1";
        return hello;
    }

    void on_alive() override { session_.alive(world_.loop.now()); }
    void on_room() override { transmit_soon(); }
    void on_end(const io::ChannelEnd&) override { ended = true; }
    void on_message(BytesView message) override {
        if (!session_.receive(message, world_.loop.now())) {
            std::abort();
        }
        while (auto output = session_.next_output()) {
            if (auto* received = std::get_if<ClientSession::Received>(&*output)) {
                take(received->events);
            } else if (auto* answer = std::get_if<ClientSession::Answered>(&*output)) {
                if (answer->result.error || answer->result.recipients.front().error) {
                    std::abort();
                }
                ++answered;
            } else if (auto* welcome = std::get_if<ClientSession::Welcomed>(&*output)) {
                welcomed = true;
                head = welcome->welcome.head;
            } else {
                std::abort();
            }
        }
    }
    void take(const wire::Events& events) {
        for (const wire::Event& event : events.events) {
            incoming += std::holds_alternative<wire::Incoming>(event.kind) ? 1 : 0;
            delivered += std::holds_alternative<wire::Delivered>(event.kind) ? 1 : 0;
        }
        if (acknowledges_) {
            session_.acknowledge(events.through);
            transmit_soon();
        }
    }
    void transmit_soon() {
        if (!std::exchange(transmits_, true)) {
            world_.loop.at_turn_end([this] {
                transmits_ = false;
                session_.transmit(*channel_);
            });
        }
    }

    World& world_;
    ClientSession session_;
    std::unique_ptr<io::PairedChannel> channel_;
    std::size_t user_ = 0;
    std::size_t submitted_ = 0;
    bool acknowledges_ = true;
    bool transmits_ = false;
};

std::unique_ptr<Device> connect(World& world, std::size_t user) {
    auto device = std::make_unique<Device>(world, user, world.token(user));
    world.loop.run_while([&] { return !device->welcomed; });
    return device;
}

// One sender, and recipients who are all there.
struct Talk {
    explicit Talk(std::size_t recipients) : sender(connect(world, 0)) {
        for (std::size_t i = 1; i <= recipients; ++i) {
            recipient_ids.emplace_back(user_name(i));
            others.push_back(connect(world, i));
        }
    }
    // Until each message was answered and each recipient's receipt is back.
    void send(std::size_t messages) {
        const std::size_t answers = sender->answered + messages;
        const std::size_t receipts = sender->delivered + messages * others.size();
        for (std::size_t i = 0; i < messages; ++i) {
            sender->submit(recipient_ids);
        }
        world.loop.run_while(
            [&] { return sender->answered < answers || sender->delivered < receipts; });
    }

    World world;
    std::unique_ptr<Device> sender;
    std::vector<UserId> recipient_ids;
    std::vector<std::unique_ptr<Device>> others;
};

Operation message(std::size_t outstanding) {
    auto make = [outstanding]() -> Task {
        return [talk = std::make_unique<Talk>(1), outstanding] { talk->send(outstanding); };
    };
    return {"node/message and receipt/" + std::to_string(outstanding), std::move(make), outstanding,
            0, outstanding < 16 ? std::size_t{64} : std::size_t{16}};
}

Operation fan_out(std::size_t recipients) {
    auto make = [recipients]() -> Task {
        return [talk = std::make_unique<Talk>(recipients)] { talk->send(1); };
    };
    return {"node/fan-out, of each recipient/" + std::to_string(recipients), std::move(make),
            recipients, 0, 16};
}

// A device that comes back with the same cursor each time, and hears the same events.
Operation reconnect(std::size_t events) {
    auto make = [events]() -> Task {
        auto talk = std::make_unique<Talk>(1);
        const Cursor before = talk->others.front()->head;
        talk->send(events);
        talk->others.clear();
        return [talk = std::move(talk), before, events, token = std::string()]() mutable {
            World& world = talk->world;
            if (token.empty()) {
                token = world.token(1);
            }
            Device device(world, 1, token, before);
            device.keep_silent();
            world.loop.run_while([&] { return device.incoming < events; });
            device.close();
            world.loop.run_while([&] { return !device.ended; });
            world.loop.run_ready();
        };
    };
    return {"node/reconnect and catch up/" + std::to_string(events), std::move(make)};
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    std::vector<parley::bench::Operation> all;
    all.push_back(parley::bench::message(1));
    all.push_back(parley::bench::message(16));
    all.push_back(parley::bench::message(64));
    all.push_back(parley::bench::fan_out(10));
    all.push_back(parley::bench::fan_out(100));
    all.push_back(parley::bench::reconnect(3));
    all.push_back(parley::bench::reconnect(64));
    return parley::bench::run(argc, argv, std::move(all));
}
