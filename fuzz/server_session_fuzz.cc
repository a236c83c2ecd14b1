// A whole session against a peer that sends anything: it ends at most once, answers in order, keeps
// its windows, and never writes a frame over the limit. The input: one byte of options, then steps
// of one byte and, for frames, two bytes of length.
#include "base/assert.h"
#include "protocol/server_session.h"

#include <cstdint>

namespace parley::protocol {
namespace {

class Sink final : public FrameSink {
  public:
    explicit Sink(std::size_t most) : most_(most) {}
    bool has_room() const override { return room > 0; }
    void begin(std::size_t size) override {
        PARLEY_ASSERT(size <= most_);
        announced_ = size;
        written_ = 0;
        --room;
    }
    void append(BytesView piece) override { written_ += piece.size(); }
    void end() override { PARLEY_ASSERT(written_ == announced_); }
    void ping() override {}

    int room = 0;

  private:
    std::size_t most_;
    std::size_t announced_ = 0;
    std::size_t written_ = 0;
};

class Player {
  public:
    explicit Player(unsigned char options)
        : options_{options % 2 == 0 ? wire::Encoding::proto : wire::Encoding::json, limits()},
          session_(options_, now_),
          messaging_(options / 2 % 4 != 0),
          sink_(options_.limits.frame_bytes) {}

    void play(std::string_view steps) {
        while (!steps.empty()) {
            const auto step = static_cast<unsigned char>(steps[0]);
            steps.remove_prefix(1);
            if (step < 128 && steps.size() >= 2) {
                const std::size_t wanted = static_cast<unsigned char>(steps[0]) +
                                           256u * static_cast<unsigned char>(steps[1]);
                const std::size_t length = std::min(wanted, steps.size() - 2);
                (void)session_.receive(as_bytes(steps.substr(2, length)), now_);
                steps.remove_prefix(2 + length);
            } else {
                act(step);
            }
            take_outputs();
        }
        session_.goodbye(make_error(ErrorCode::draining, "the end"));
        take_outputs();
        PARLEY_ASSERT(ended_);
        sink_.room = 1000;
        session_.transmit(sink_);
        PARLEY_ASSERT(session_.finished() && !session_.deadline());
    }

  private:
    static Limits limits() {
        Limits limits;
        limits.frame_bytes = 2000;
        limits.inflight_submissions = 4;
        limits.unacked_events = 4;
        return limits;
    }

    void act(unsigned char step) {
        if (step < 160) {
            now_ += std::chrono::seconds(step - 127);
            session_.tick(now_);
        } else if (step < 190) {
            sink_.room = step - 160;
            session_.transmit(sink_);
        } else if (step < 200) {
            session_.hold_reading(step % 2 == 0);
        } else if (step < 230) {
            deliver(step);
        } else if (unanswered_ > 0) {
            --unanswered_;
            wire::SubmitResult result;
            if (step == 255) {
                result.error = make_error(ErrorCode::server_error, "away");
            }
            session_.answer(result);
        }
    }

    void deliver(unsigned char step) {
        const auto room = session_.room();
        PARLEY_ASSERT(room.events <= options_.limits.unacked_events);
        if (!welcomed_ || ended_ || !messaging_ || room.events == 0) {
            return;
        }
        wire::Message message;
        message.text.assign(step, 'x');
        const auto event =
            wire::RenderedEvent::make(Sequence(++newest_), WallTime{},
                                      wire::encode_incoming(message), wire::encode_body(message));
        session_.deliver(std::span(&*event, 1), Sequence(newest_));
    }

    void take_outputs() {
        while (auto output = session_.next_output()) {
            PARLEY_ASSERT(!ended_);
            if (auto* hello = std::get_if<ServerSession::HelloReceived>(&*output)) {
                PARLEY_ASSERT(wire::is_identifier(hello->hello.device_id.value()));
                welcomed_ = true;
                session_.welcome({}, messaging_, now_ + std::chrono::minutes(5));
            } else if (std::holds_alternative<ServerSession::Submitted>(*output)) {
                PARLEY_ASSERT(messaging_);
                ++unanswered_;
            } else if (auto* ack = std::get_if<ServerSession::Acknowledged>(&*output)) {
                PARLEY_ASSERT(ack->sequence.value() <= newest_ && ack->sequence > acknowledged_);
                acknowledged_ = ack->sequence;
            } else if (std::holds_alternative<ServerSession::RefreshReceived>(*output)) {
                session_.refreshed(0, now_ + std::chrono::minutes(5));
            } else {
                ended_ = true;
            }
        }
    }

    const ServerSessionOptions options_;
    Instant now_{};
    ServerSession session_;
    bool messaging_;
    Sink sink_;
    bool welcomed_ = false;
    bool ended_ = false;
    int unanswered_ = 0;
    std::uint64_t newest_ = 0;
    Sequence acknowledged_;
};

}  // namespace
}  // namespace parley::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 0) {
        parley::protocol::Player player(data[0]);
        player.play({reinterpret_cast<const char*>(data) + 1, size - 1});
    }
    return 0;
}
