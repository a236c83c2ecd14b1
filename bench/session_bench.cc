// A session's two sides, joined by bytes in memory: what the protocol alone costs a message,
// without sockets, tokens and mailboxes.
#include "operations.h"
#include "protocol/client_session.h"
#include "protocol/server_session.h"

#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace parley::bench {
namespace {

using protocol::ClientSession;
using protocol::ServerSession;

constexpr std::int64_t kAt = 1'514'862'245'000;

// Frames in one buffer, as a connection has it; cleared, not freed, when they were read.
class Frames final : public FrameSink {
  public:
    bool has_room() const override { return true; }
    void begin(std::size_t size) override { ends_.push_back(bytes_.size() + size); }
    void append(BytesView piece) override { bytes_.append(as_text(piece)); }
    void end() override {}
    void ping() override {}

    template <typename Receiver>
    void move_to(Receiver& receiver, Instant now) {
        std::size_t begin = 0;
        for (const std::size_t end : ends_) {
            if (!receiver.receive(as_bytes(bytes_).subspan(begin, end - begin), now)) {
                std::abort();
            }
            begin = end;
        }
        bytes_.clear();
        ends_.clear();
    }

  private:
    Bytes bytes_;
    std::vector<std::size_t> ends_;
};

class Sessions {
  public:
    Sessions() : server_(options_, now_), client_(hello(), now_) {
        turn();
        turn();
    }

    // `count` messages submitted in one turn, answered in the next; each comes back as an event,
    // and one acknowledgement covers them.
    void exchange(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            client_.submit(next_submit());
        }
        const std::uint64_t wanted = received_ + count;
        while (received_ < wanted || answered_ < received_) {
            turn();
        }
        turn();  // the acknowledgement
    }

  private:
    static wire::Hello hello() {
        wire::Hello hello;
        hello.token = "a.b.c";
        hello.device_id = DeviceId("phone");
        hello.supports_messaging = true;
        return hello;
    }
    wire::Submit next_submit() {
        std::string digits = std::to_string(++submitted_ % 1'000'000'000);
        wire::Submit submit;
        submit.message.message_id =
            MessageId("0190a1b2-c3d4-7000-8000-" + std::string(12 - digits.size(), '0') + digits);
        submit.message.recipient_ids = {UserId("user.000002@mail.example")};
        submit.message.text = std::string(100, 't');
        submit.message.created_at_ms = kAt;
        return submit;
    }

    void turn() {
        client_.transmit(up_);
        up_.move_to(server_, now_);
        serve();
        server_.transmit(down_);
        down_.move_to(client_, now_);
        listen();
    }
    void serve() {
        std::vector<std::shared_ptr<wire::RenderedEvent>> events;
        while (auto output = server_.next_output()) {
            if (auto* submitted = std::get_if<ServerSession::Submitted>(&*output)) {
                const wire::Message& message = submitted->submit.message;
                wire::SubmitResult result{message.message_id, kAt, {}, {}};
                result.recipients.push_back({message.recipient_ids.front(), false, {}, kAt});
                server_.answer(result);
                events.push_back(wire::RenderedEvent::make(
                                     Sequence(++sequence_), wall_time_from_ms(kAt),
                                     std::make_shared<const Bytes>(wire::encode_incoming(message)),
                                     std::make_shared<const Bytes>(wire::encode_body(message)))
                                     .value());
            } else if (std::holds_alternative<ServerSession::HelloReceived>(*output)) {
                server_.welcome(wire::Welcome{}, true, Instant::max());
            } else if (std::holds_alternative<ServerSession::Ended>(*output)) {
                std::abort();
            }
        }
        if (!events.empty()) {
            server_.deliver(events, Sequence(sequence_));
        }
    }
    void listen() {
        while (auto output = client_.next_output()) {
            if (auto* received = std::get_if<ClientSession::Received>(&*output)) {
                received_ += received->events.events.size();
                client_.acknowledge(received->events.through);
            } else if (std::holds_alternative<ClientSession::Answered>(*output)) {
                ++answered_;
            } else if (std::holds_alternative<ClientSession::Ended>(*output)) {
                std::abort();
            }
        }
    }

    Instant now_{std::chrono::hours(1)};
    const protocol::ServerSessionOptions options_;
    ServerSession server_;
    ClientSession client_;
    Frames up_;
    Frames down_;
    std::uint64_t submitted_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t sequence_ = 0;
};

Operation round_trip(std::size_t count) {
    auto make = [count]() -> Task {
        return [sessions = std::make_unique<Sessions>(), count] { sessions->exchange(count); };
    };
    return {"session/round trip/" + std::to_string(count), std::move(make), count, 0,
            count < 64 ? std::size_t{32} : std::size_t{4}};
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    using parley::bench::round_trip;
    std::vector<parley::bench::Operation> all;
    all.push_back(round_trip(1));
    all.push_back(round_trip(16));
    all.push_back(round_trip(256));
    return parley::bench::run(argc, argv, std::move(all));
}
