#pragma once

#include "io/channel.h"
#include "io/loop.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace parley::server {

// The peer's side of a TestChannel, which stays when the server has dropped the channel.
struct TestWire {
    std::vector<Bytes> received;  // whole messages, from the server
    std::deque<Bytes> unread;     // sent by the peer while the server did not read
    std::size_t pings = 0;
    bool paused = false;  // the server does not read
    bool delivering = false;
    bool room = true;  // the peer reads
    bool answers_close = true;
    bool authenticated = false;
    bool dropped = false;  // the server destroyed the channel
    std::uint16_t close_code = 0;
    io::ChannelObserver* observer = nullptr;
};

// A connection whose other end is a test.
class TestChannel final : public io::Channel {
  public:
    TestChannel(io::Loop& loop, std::shared_ptr<TestWire> wire, std::string subprotocol)
        : loop_(loop), wire_(std::move(wire)), subprotocol_(std::move(subprotocol)) {}
    ~TestChannel() override {
        wire_->dropped = true;
        wire_->observer = nullptr;
    }

    void start(io::ChannelObserver& observer) override { wire_->observer = &observer; }
    bool has_room() const override { return wire_->room; }
    void begin(std::size_t size) override {
        message_.clear();
        size_ = size;
    }
    void append(BytesView piece) override { message_.append(as_text(piece)); }
    void end() override {
        if (message_.size() != size_) {
            std::abort();
        }
        wire_->received.push_back(std::move(message_));
    }
    void ping() override { ++wire_->pings; }
    void pause_reading(bool paused) override {
        wire_->paused = paused;
        if (!paused) {
            deliver_unread(loop_, wire_);
        }
    }
    void close(std::uint16_t code, std::string_view) override {
        wire_->close_code = code;
        if (!wire_->answers_close) {
            return;
        }
        loop_.post([wire = wire_, code] {
            if (wire->observer != nullptr) {
                std::exchange(wire->observer, nullptr)->on_end({code, ""});
            }
        });
    }
    void authenticated() override { wire_->authenticated = true; }
    std::string_view subprotocol() const override { return subprotocol_; }
    std::string_view peer_address() const override { return "127.0.0.1"; }

    // A message from the peer; it waits while the server does not read.
    static void send(io::Loop& loop, const std::shared_ptr<TestWire>& wire, Bytes message) {
        wire->unread.push_back(std::move(message));
        deliver_unread(loop, wire);
    }

  private:
    static void deliver_unread(io::Loop& loop, const std::shared_ptr<TestWire>& wire) {
        // One message a turn, so that the server can stop reading after any of them.
        if (std::exchange(wire->delivering, true)) {
            return;
        }
        loop.post([&loop, wire] {
            wire->delivering = false;
            if (wire->observer == nullptr || wire->paused || wire->unread.empty()) {
                return;
            }
            const Bytes message = std::move(wire->unread.front());
            wire->unread.pop_front();
            wire->observer->on_alive();
            if (wire->observer != nullptr) {
                wire->observer->on_message(as_bytes(message));
            }
            deliver_unread(loop, wire);
        });
    }

    io::Loop& loop_;
    std::shared_ptr<TestWire> wire_;
    const std::string subprotocol_;
    Bytes message_;
    std::size_t size_ = 0;
};

}  // namespace parley::server
