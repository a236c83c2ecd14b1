#pragma once

#include "protocol/token.h"
#include "server/testing/test_channel.h"
#include "wire/frames.h"
#include "wire/json.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace parley::server {

inline const ApplicationKey kTestApplication{"6a1f0b9e-0000-4000-8000-000000000001"};
inline const std::string kTestSecret = "c2VjcmV0IHNlY3JldCBzZWNyZXQ=";

inline wire::Submit make_submit(const std::string& id, const std::vector<std::string>& to,
                                const std::string& text = "hello", const std::string& key = "") {
    wire::Submit submit;
    submit.message.message_id = MessageId(id);
    for (const std::string& user : to) {
        submit.message.recipient_ids.push_back(UserId(user));
    }
    submit.message.text = text;
    submit.message.created_at_ms = 1;
    submit.message.key = ChainKey(key);
    return submit;
}

// A device at the other end of a connection, without any logic of a client: a test sees every
// frame.
class TestDevice {
  public:
    TestDevice(io::Loop& loop, std::string user_id, std::string device_id)
        : user(std::move(user_id)), device(std::move(device_id)), loop_(loop) {}

    std::string user;
    std::string device;
    bool json = false;
    bool acknowledges = true;  // every Events frame at once
    std::optional<Cursor> cursor;

    std::shared_ptr<TestWire> wire = std::make_shared<TestWire>();
    std::vector<wire::ServerFrame> frames;
    std::optional<wire::Welcome> welcome;
    std::optional<wire::Goodbye> goodbye;
    std::vector<wire::SubmitResult> results;
    std::vector<wire::Event> events;
    Sequence through;

    // A new connection; what was heard in the last one is forgotten, but for the cursor.
    std::unique_ptr<io::Channel> connect() {
        wire = std::make_shared<TestWire>();
        taken_ = 0;
        welcome.reset();
        goodbye.reset();
        results.clear();
        events.clear();
        frames.clear();
        through = Sequence{};
        return std::make_unique<TestChannel>(
            loop_, wire, std::string(json ? wire::kJsonSubprotocol : wire::kProtoSubprotocol));
    }

    void send(const wire::ClientFrame& frame) {
        const Bytes bytes = wire::encode(frame);
        TestChannel::send(loop_, wire, json ? wire::client_frame_to_json(as_bytes(bytes)) : bytes);
    }
    void send_bytes(Bytes bytes) { TestChannel::send(loop_, wire, std::move(bytes)); }

    // The connection goes, without a word.
    void cut() {
        loop_.post([wire = wire] {
            if (wire->observer != nullptr) {
                std::exchange(wire->observer, nullptr)->on_end({});
            }
        });
    }

    // Looks at what has come. True: something was sent in answer.
    bool take_frames() {
        bool answered = false;
        while (taken_ < wire->received.size()) {
            Bytes bytes = wire->received[taken_++];
            if (json) {
                bytes = wire::server_frame_from_json(as_bytes(bytes)).value();
            }
            auto frame = wire::decode_server_frame(as_bytes(bytes)).value();
            answered = take(frame) || answered;
            frames.push_back(std::move(frame));
        }
        return answered;
    }

    template <typename Kind>
    std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const wire::Event& event : events) {
            if (const auto* kind = std::get_if<Kind>(&event.kind)) {
                found.push_back(*kind);
            }
        }
        return found;
    }
    // "text text ..." of what came in.
    std::string heard() const {
        std::string texts;
        for (const auto& incoming : all<wire::Incoming>()) {
            texts += (texts.empty() ? "" : " ") + incoming.message.text;
        }
        return texts;
    }

  private:
    bool take(const wire::ServerFrame& frame) {
        if (const auto* it = std::get_if<wire::Welcome>(&frame)) {
            welcome = *it;
        }
        if (const auto* it = std::get_if<wire::Goodbye>(&frame)) {
            goodbye = *it;
        }
        if (const auto* it = std::get_if<wire::SubmitResult>(&frame)) {
            results.push_back(*it);
        }
        const auto* it = std::get_if<wire::Events>(&frame);
        if (it == nullptr) {
            return false;
        }
        events.insert(events.end(), it->events.begin(), it->events.end());
        through = it->through;
        if (!acknowledges) {
            return false;
        }
        cursor = Cursor{welcome->head.epoch, through};
        send(wire::Ack{through});
        return true;
    }

    io::Loop& loop_;
    std::size_t taken_ = 0;
};

}  // namespace parley::server
