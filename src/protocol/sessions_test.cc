// Both sides of a session, joined in memory: what one says the other understands, under any
// interleaving.
#include "base/random.h"
#include "protocol/client_session.h"
#include "protocol/server_session.h"
#include "protocol/testing/frame_list.h"

#include <gtest/gtest.h>

#include <deque>
#include <type_traits>

namespace parley::protocol {
namespace {

using namespace std::chrono_literals;

// A client, a server and the two directions between them, which carry as much as they are told to.
class Pipe {
  public:
    explicit Pipe(const Limits& limits, std::uint64_t seed)
        : limits_(limits),
          random_(seed),
          server_options_{.limits = limits},
          server_(server_options_, now_),
          client_(hello(), now_) {}

    // One turn: some part of everything that is under way arrives somewhere.
    void turn() {
        now_ += Duration(random_.below(200'000));
        move(client_to_server_, true);
        move(server_to_client_, false);
        serve();
        server_.tick(now_);
        client_.tick(now_);
        act();
    }

    void heal() { healed_ = true; }

    std::size_t submitted = 0;
    std::vector<std::string> taken;       // by the server, in order
    std::vector<std::string> answered;    // at the client, in order
    std::vector<std::uint64_t> received;  // events at the client
    std::uint64_t delivered = 0;          // newest event handed to the server's session
    Sequence acknowledged;
    std::optional<Error> client_error;
    std::optional<Error> server_error;
    std::size_t most_unacked = 0;
    std::size_t most_inflight = 0;

  private:
    static wire::Hello hello() {
        wire::Hello hello;
        hello.device_id = DeviceId("d1");
        hello.supports_messaging = true;
        return hello;
    }

    void move(std::deque<Bytes>& from, bool to_server) {
        testing::FrameList sink;
        sink.room = healed_ ? SIZE_MAX : random_.below(4);
        if (to_server) {
            client_.transmit(sink);
        } else {
            server_.transmit(sink);
        }
        for (Bytes& frame : sink.frames) {
            from.push_back(std::move(frame));
        }
        std::size_t count = healed_ ? SIZE_MAX : random_.below(4);
        while (count-- > 0 && !from.empty() && (!to_server || server_.wants_to_read())) {
            const Bytes frame = std::move(from.front());
            from.pop_front();
            if (to_server) {
                (void)server_.receive(as_bytes(frame), now_);
            } else {
                (void)client_.receive(as_bytes(frame), now_);
            }
        }
        if (sink.pings > 0) {
            to_server ? server_.alive(now_) : client_.alive(now_);
            to_server ? client_.alive(now_) : server_.alive(now_);
        }
    }

    void serve() {
        while (auto output = server_.next_output()) {
            if (std::holds_alternative<ServerSession::HelloReceived>(*output)) {
                wire::Welcome welcome;
                welcome.limits = limits_;
                server_.welcome(welcome, true, Instant::max());
                welcomed_ = true;
            } else if (auto* submit = std::get_if<ServerSession::Submitted>(&*output)) {
                taken.push_back(submit->submit.message.message_id.value());
                unanswered_.push_back(taken.back());
                most_inflight = std::max(most_inflight, unanswered_.size());
            } else if (auto* ack = std::get_if<ServerSession::Acknowledged>(&*output)) {
                EXPECT_GT(ack->sequence, acknowledged);
                acknowledged = ack->sequence;
            } else if (auto* ended = std::get_if<ServerSession::Ended>(&*output)) {
                server_error = ended->error;
            }
        }
        while (!unanswered_.empty() && (healed_ || random_.chance(0.4))) {
            server_.answer({MessageId(unanswered_.front()), 1, {}, std::nullopt});
            unanswered_.pop_front();
        }
        server_.hold_reading(!healed_ && random_.chance(0.2));
        const auto room = server_.room();
        if (welcomed_ && room.events > 0 && random_.chance(0.5)) {
            std::vector<std::shared_ptr<wire::RenderedEvent>> events;
            for (std::uint64_t i = random_.below(room.events) + 1; i > 0; --i) {
                wire::Message message;
                message.text.assign(random_.below(300), 'x');
                events.push_back(*wire::RenderedEvent::make(Sequence(++delivered), WallTime{},
                                                            wire::encode_incoming(message),
                                                            wire::encode_body(message)));
            }
            server_.deliver(events, Sequence(delivered));
        }
    }

    void act() {
        while (auto output = client_.next_output()) {
            if (auto* answer = std::get_if<ClientSession::Answered>(&*output)) {
                answered.push_back(answer->result.message_id.value());
            } else if (auto* events = std::get_if<ClientSession::Received>(&*output)) {
                for (const wire::Event& event : events->events.events) {
                    received.push_back(event.sequence.value());
                }
                most_unacked = std::max(most_unacked, received.size() - stored_);
            } else if (auto* ended = std::get_if<ClientSession::Ended>(&*output)) {
                client_error = ended->error;
            }
        }
        if (!received.empty() && (healed_ || random_.chance(0.3))) {
            stored_ = received.size();
            client_.acknowledge(Sequence(received.back()));
        }
        const wire::Submit next = submission();
        if (!healed_ && random_.chance(0.7) && client_.can_submit(wire::submit_frame_size(next))) {
            client_.submit(next);
            ++submitted;
        }
    }

    wire::Submit submission() {
        wire::Submit submit;
        submit.message.message_id = MessageId("m" + std::to_string(submitted));
        submit.message.text.assign(random_.below(300), 'x');
        return submit;
    }

    Limits limits_;
    Random random_;
    Instant now_{};
    const ServerSessionOptions server_options_;
    ServerSession server_;
    ClientSession client_;
    std::deque<Bytes> client_to_server_;
    std::deque<Bytes> server_to_client_;
    std::deque<std::string> unanswered_;
    std::size_t stored_ = 0;
    bool welcomed_ = false;
    bool healed_ = false;
};

// R6, R20, R21 within one session.
TEST(Sessions, UnderstandEachOtherUnderAnyInterleaving) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Limits limits;
        Random random(seed);
        limits.inflight_submissions = static_cast<std::uint32_t>(1 + random.below(8));
        limits.inflight_bytes = static_cast<std::uint32_t>(100 + random.below(2000));
        limits.unacked_events = static_cast<std::uint32_t>(1 + random.below(8));
        limits.unacked_bytes = static_cast<std::uint32_t>(100 + random.below(2000));
        Pipe pipe(limits, seed);
        for (int i = 0; i < 300; ++i) {
            pipe.turn();
        }
        pipe.heal();
        for (int i = 0; i < 30; ++i) {
            pipe.turn();
        }
        ASSERT_FALSE(pipe.client_error) << seed << ": " << pipe.client_error->description;
        ASSERT_FALSE(pipe.server_error) << seed << ": " << pipe.server_error->description;
        ASSERT_GT(pipe.submitted, 5u) << seed;
        ASSERT_EQ(pipe.taken.size(), pipe.submitted) << seed;
        ASSERT_EQ(pipe.answered, pipe.taken) << seed;
        for (std::size_t i = 0; i < pipe.taken.size(); ++i) {
            ASSERT_EQ(pipe.taken[i], "m" + std::to_string(i));
        }
        for (std::size_t i = 0; i < pipe.received.size(); ++i) {
            ASSERT_EQ(pipe.received[i], i + 1);
        }
        ASSERT_GT(pipe.received.size(), 5u) << seed;
        ASSERT_GT(pipe.acknowledged.value() + 100, pipe.delivered) << seed;
        ASSERT_LE(pipe.most_unacked, limits.unacked_events) << seed;
        ASSERT_LE(pipe.most_inflight, limits.inflight_submissions) << seed;
    }
}

// A session keeps a reference to its options, so that nobody may give it some that go away.
static_assert(std::is_constructible_v<ServerSession, const ServerSessionOptions&, Instant>);
static_assert(!std::is_constructible_v<ServerSession, ServerSessionOptions, Instant>);

// Frames that no honest peer sends end a session, whatever came before, and never more than that.
TEST(Sessions, EndOnceOnBentFrames) {
    Random random(11);
    wire::Hello hello;
    hello.device_id = DeviceId("d1");
    hello.supports_messaging = true;
    wire::Submit submit;
    submit.message.message_id = MessageId("m");
    const Bytes frames[] = {wire::encode(wire::ClientFrame(hello)),
                            wire::encode(wire::ClientFrame(submit)),
                            wire::encode(wire::ClientFrame(wire::Ack{Sequence(1)})),
                            wire::encode(wire::ClientFrame(wire::Refresh{"t"}))};
    const ServerSessionOptions options;
    for (int round = 0; round < 3000; ++round) {
        ServerSession session(options, Instant{});
        int ended = 0;
        for (int i = 0; i < 6; ++i) {
            Bytes frame = frames[i == 0 ? 0 : random.below(4)];
            if (random.chance(0.3)) {
                frame[random.below(frame.size())] = static_cast<char>(random.next());
            }
            (void)session.receive(as_bytes(frame), Instant{});
            while (auto output = session.next_output()) {
                EXPECT_EQ(ended, 0);
                if (std::holds_alternative<ServerSession::HelloReceived>(*output)) {
                    session.welcome({}, true, Instant::max());
                } else if (std::holds_alternative<ServerSession::Submitted>(*output)) {
                    session.answer({});
                } else if (std::holds_alternative<ServerSession::RefreshReceived>(*output)) {
                    session.refreshed(0, Instant::max());
                } else if (std::holds_alternative<ServerSession::Ended>(*output)) {
                    ++ended;
                }
            }
        }
        testing::FrameList sink;
        session.transmit(sink);
        EXPECT_EQ(session.finished(), ended == 1);
    }
}

}  // namespace
}  // namespace parley::protocol
