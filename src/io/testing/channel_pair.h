#pragma once

#include "base/bytes.h"
#include "io/channel.h"
#include "io/dialer.h"
#include "io/loop.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Two ends of a connection in memory, and a dialer that hands them out. Deterministic: what one end
// writes in a turn arrives at the other in a later turn, in order, as fast as the loop runs. One
// thread.
namespace parley::io {

class PairedChannel;

// What both ends share; the wire between them.
struct ChannelWire {
    explicit ChannelWire(Loop& on) : loop(on) {}
    Loop& loop;
    PairedChannel* ends[2] = {nullptr, nullptr};
    bool silent = false;  // half-open: nothing arrives any more, and nobody is told
};

class PairedChannel final : public Channel {
  public:
    // Frames that an end may have under way before has_room() says no.
    static constexpr std::size_t kRoom = 4096;

    PairedChannel(std::shared_ptr<ChannelWire> wire, int side, std::string subprotocol)
        : wire_(std::move(wire)), side_(side), subprotocol_(std::move(subprotocol)) {
        wire_->ends[side_] = this;
    }
    ~PairedChannel() override {
        wire_->ends[side_] = nullptr;
        if (!ended_) {
            later(
                [](PairedChannel& peer) { peer.finish({close_code::kAbnormal, "the peer went"}); });
        }
    }

    void start(ChannelObserver& observer) override { observer_ = &observer; }
    void pause_reading(bool paused) override {
        paused_ = paused;
        if (!paused && !held_.empty()) {
            wire_->loop.post([wire = wire_, side = side_] {
                if (wire->ends[side] != nullptr) {
                    wire->ends[side]->read_held();
                }
            });
        }
    }
    void close(std::uint16_t code, std::string_view reason) override {
        if (closed_ || ended_) {
            return;
        }
        closed_ = true;
        later([code, reason = std::string(reason)](PairedChannel& peer) {
            // As a WebSocket would: the close frame is answered, and both ends are over.
            peer.later([code](PairedChannel& self) { self.finish({code, ""}); });
            peer.finish({code, reason});
        });
    }
    std::string_view subprotocol() const override { return subprotocol_; }
    std::string_view peer_address() const override { return "192.0.2.1"; }

    bool has_room() const override { return unread_by_peer_ < kRoom; }
    void begin(std::size_t size) override { frame_.reserve(size); }
    void append(BytesView piece) override { frame_.append(as_text(piece)); }
    void end() override {
        Bytes frame = std::exchange(frame_, {});
        if (closed_ || ended_) {
            return;
        }
        ++unread_by_peer_;
        later([frame = std::move(frame)](PairedChannel& peer) mutable {
            peer.arrive(std::move(frame));
        });
    }
    void ping() override {
        later([](PairedChannel& peer) {
            peer.heard();
            peer.later([](PairedChannel& self) { self.heard(); });
        });
    }

    // ---- for tests
    // Drops the connection: both ends hear it.
    void cut() {
        later([](PairedChannel& peer) { peer.finish({close_code::kAbnormal, "cut"}); });
        wire_->loop.post([wire = wire_, side = side_] {
            if (wire->ends[side] != nullptr) {
                wire->ends[side]->finish({close_code::kAbnormal, "cut"});
            }
        });
    }
    // From now on nothing arrives on either side, and nobody hears of it.
    void go_silent() { wire_->silent = true; }

  private:
    template <typename Work>
    void later(Work work) {
        wire_->loop.post([wire = wire_, side = 1 - side_, work = std::move(work)]() mutable {
            if (wire->ends[side] != nullptr && !wire->silent) {
                work(*wire->ends[side]);
            }
        });
    }
    void heard() {
        if (observer_ != nullptr && !ended_) {
            observer_->on_alive();
        }
    }
    void arrive(Bytes frame) {
        held_.push_back(std::move(frame));
        read_held();
    }
    // The observer may destroy this channel in any call, so each frame looks again.
    void read_held() {
        const std::shared_ptr<ChannelWire> wire = wire_;
        const int side = side_;
        while (wire->ends[side] == this && !paused_ && !ended_ && observer_ != nullptr &&
               !held_.empty()) {
            const Bytes frame = std::move(held_.front());
            held_.pop_front();
            later([](PairedChannel& peer) { peer.read_by_peer(); });
            observer_->on_alive();
            if (wire->ends[side] == this) {
                observer_->on_message(as_bytes(frame));
            }
        }
    }
    void read_by_peer() {
        const bool full = !has_room();
        --unread_by_peer_;
        if (full && has_room() && observer_ != nullptr && !ended_) {
            observer_->on_room();
        }
    }
    void finish(ChannelEnd end) {
        if (ended_) {
            return;
        }
        ended_ = true;
        if (observer_ != nullptr) {
            observer_->on_end(end);
        }
    }

    std::shared_ptr<ChannelWire> wire_;
    int side_;
    std::string subprotocol_;
    ChannelObserver* observer_ = nullptr;
    Bytes frame_;
    std::deque<Bytes> held_;
    std::size_t unread_by_peer_ = 0;
    bool paused_ = false;
    bool closed_ = false;
    bool ended_ = false;
};

// Both ends of a new connection.
inline std::pair<std::unique_ptr<PairedChannel>, std::unique_ptr<PairedChannel>> make_channel_pair(
    Loop& loop, const std::string& subprotocol) {
    auto wire = std::make_shared<ChannelWire>(loop);
    return {std::make_unique<PairedChannel>(wire, 0, subprotocol),
            std::make_unique<PairedChannel>(wire, 1, subprotocol)};
}

// Connects to whoever the test put there, or fails as the test says.
class PairDialer final : public Dialer {
  public:
    using Accept = UniqueFunction<void(std::unique_ptr<PairedChannel>)>;
    explicit PairDialer(Loop& loop) : loop_(loop) {}

    // Takes the other end of each connection from now on.
    void accept_with(Accept accept) { accept_ = std::move(accept); }
    // Every attempt fails with this until it is reset.
    void refuse(std::optional<Error> error) { refusal_ = std::move(error); }
    std::size_t attempts() const { return targets_.size(); }
    const std::vector<DialTarget>& targets() const { return targets_; }
    std::size_t network_changes() const { return network_changes_; }

    std::unique_ptr<Dial> dial(const DialTarget& target, Done done) override {
        targets_.push_back(target);
        auto attempt = std::make_unique<Attempt>();
        loop_.post([this, alive = std::weak_ptr<char>(attempt->alive), done = std::move(done),
                    subprotocol = target.subprotocol]() mutable {
            if (alive.expired()) {
                return;
            }
            if (refusal_) {
                done(unexpected(*refusal_));
                return;
            }
            auto [near, far] = make_channel_pair(loop_, subprotocol);
            accept_(std::move(far));
            done(std::unique_ptr<Channel>(std::move(near)));
        });
        return attempt;
    }
    void network_changed() override { ++network_changes_; }

  private:
    struct Attempt final : Dial {
        std::shared_ptr<char> alive = std::make_shared<char>();
    };
    Loop& loop_;
    Accept accept_;
    std::optional<Error> refusal_;
    std::vector<DialTarget> targets_;
    std::size_t network_changes_ = 0;
};

}  // namespace parley::io
